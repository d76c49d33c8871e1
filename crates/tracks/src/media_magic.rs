//! The first bytes of videos, pictures and sound.

/// Whether `start` begins with `magic` at `offset`.
fn at(start: &[u8], offset: usize, magic: &[u8]) -> bool {
    start.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

/// The brand of an ISO base media file, for example `isom` or `heic`.
fn brand(start: &[u8]) -> Option<&[u8]> {
    at(start, 4, b"ftyp").then(|| start.get(8..12)).flatten()
}

const PICTURE_BRANDS: [&[u8]; 8] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"];
const SOUND_BRANDS: [&[u8]; 2] = [b"M4A ", b"M4B "];

pub(crate) fn is_video(start: &[u8]) -> bool {
    let at = |offset, magic: &[u8]| at(start, offset, magic);
    let iso = match brand(start) {
        Some(brand) => !PICTURE_BRANDS.contains(&brand) && !SOUND_BRANDS.contains(&brand),
        // Older QuickTime files have no brand.
        None => [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"].into_iter().any(|atom| at(4, atom)),
    };
    // A packet of a transport stream every 188 bytes, or every 192 with a time stamp before each; never plain text.
    let packets = |first: usize, size: usize| (0..3).all(|packet| at(first + packet * size, b"\x47"));
    let transport_stream = (packets(0, 188) || packets(4, 192)) && !start[..188].is_ascii();
    iso || transport_stream
        || at(0, b"\x1a\x45\xdf\xa3") // Matroska, WebM
        || (at(0, b"RIFF") && at(8, b"AVI "))
        || at(0, b"\x00\x00\x01\xba") // MPEG program stream
        || at(0, b"\x00\x00\x01\xb3") // MPEG video
        || at(0, b"\x00\x00\x00\x01\x67") // H.264
        || at(0, b"\x00\x00\x00\x01\x40\x01") // H.265
        || at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") // Windows Media
        || at(0, b"GIF8")
        || at(0, b"FLV\x01")
        || at(0, b"YUV4MPEG2 ")
        || at(0, b"DKIF") // IVF
        || (at(0, b"OggS") && !is_sound(start))
}

pub(crate) fn is_picture(start: &[u8]) -> bool {
    let at = |offset, magic: &[u8]| at(start, offset, magic);
    at(0, b"\x89PNG")
        || at(0, b"\xff\xd8\xff")
        || (at(0, b"RIFF") && at(8, b"WEBP"))
        || at(0, b"II*\0") // TIFF
        || at(0, b"MM\0*")
        || (at(0, b"BM") && at(6, &[0; 4]))
        || brand(start).is_some_and(|brand| PICTURE_BRANDS.contains(&brand))
}

pub(crate) fn is_sound(start: &[u8]) -> bool {
    let at = |offset, magic: &[u8]| at(start, offset, magic);
    // The streams of an Ogg file present themselves at its start, pictures and sound each.
    let ogg_video = || start.windows(7).any(|bytes| matches!(bytes, b"\x80theora" | b"BBCD\0\0\0" | b"\x01video\0"));
    matches!(start, [b'I', b'D', b'3', 2..=4, ..])
        || at(0, b"fLaC")
        || (at(0, b"RIFF") && at(8, b"WAVE"))
        || (at(0, b"FORM") && at(8, b"AIF"))
        || (at(0, b"OggS") && [b"\x01vorbis".as_slice(), b"OpusHead", b"\x7fFLAC"].iter().any(|codec| at(28, codec)))
            && !ogg_video()
        // A frame of MPEG audio or of AAC.
        || matches!(start, [0xff, 0xf1 | 0xf2 | 0xf3 | 0xf9 | 0xfa | 0xfb, ..])
        || brand(start).is_some_and(|brand| SOUND_BRANDS.contains(&brand))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the start is taken for: `v`, `p`, `s` or nothing.
    fn kinds(start: &[u8]) -> String {
        let kinds = [("v", is_video(start)), ("p", is_picture(start)), ("s", is_sound(start))];
        kinds.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect()
    }

    #[test]
    fn each_start_is_of_one_kind() {
        let mut packets = [0xff_u8; 600];
        (0..3).for_each(|packet| packets[packet * 188] = 0x47);
        let mut stamped = [0xff_u8; 600];
        stamped[0] = 0;
        (0..3).for_each(|packet| stamped[4 + packet * 192] = 0x47);
        let ogg = |codec: &[u8]| [b"OggS".as_slice(), &[0; 24], codec, &[0; 40]].concat();
        let theora = [ogg(b"\x01vorbis"), ogg(b"\x80theora")].concat();
        for (start, kind) in [
            (b"\0\0\0\x20ftypisom\0\0\x02\0".as_slice(), "v"),
            (b"\0\0\0\x20ftypqt  ", "v"),
            (b"\0\0\0\x08wide\0\0", "v"),
            (b"\0\0\0\x20ftypheic\0\0", "p"),
            (b"\0\0\0\x20ftypavif\0\0", "p"),
            (b"\0\0\0\x20ftypM4A \0\0", "s"),
            (b"\x1a\x45\xdf\xa3\x01", "v"),
            (b"RIFF\0\0\0\0AVI LIST", "v"),
            (b"RIFF\0\0\0\0WAVEfmt ", "s"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "p"),
            (b"GIF89a", "v"),
            (b"YUV4MPEG2 W64", "v"),
            (b"\0\0\0\x01\x67\x64", "v"),
            (b"\x89PNG\r\n\x1a\n", "p"),
            (b"\xff\xd8\xff\xe0", "p"),
            (b"BM\x36\x30\0\0\0\0\0\0\x36", "p"),
            (b"II*\0\x08", "p"),
            (b"ID3\x04", "s"),
            (b"\xff\xfb\x90", "s"),
            (b"fLaC\0", "s"),
            (&ogg(b"OpusHead"), "s"),
            (&ogg(b"\x80theora"), "v"),
            (&theora, "v"),
            (&packets, "v"),
            (&stamped, "v"),
            (b"", ""),
            (b"time,jawOpen\n", ""),
            (b"BMI,weight\n0,1\n", ""),
            (b"ID3,jawOpen\n0,1\n", ""),
            (&[b'G'; 600], ""),
        ] {
            assert_eq!(kinds(start), kind, "{}", start.escape_ascii());
        }
    }
}
