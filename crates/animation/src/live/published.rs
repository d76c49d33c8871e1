//! What outputs are called where others may look: the page and its metrics name no folder of this machine.

use moue_preview::LegStatus;

use super::GST;

/// An output's state for others: files and playlists are called by their names alone, and so are they where it says
/// what went wrong. Streams and outputs in GStreamer's words have lost their secrets already.
pub(super) fn published(leg: LegStatus) -> LegStatus {
    if leg.name.starts_with(GST) {
        // GStreamer tells of any file or address in any words.
        let detail = leg.detail.map(|_| "it failed: the terminal says why".to_owned());
        return LegStatus { detail, ..leg };
    }
    if leg.name.contains("://") {
        return leg;
    }
    let trimmed = leg.name.trim_end_matches('/');
    let at = trimmed.rfind('/').map_or(0, |slash| slash + 1);
    let folder = trimmed[..at].trim_end_matches('/');
    let detail = leg.detail.map(|detail| match folder.rsplit_once('/') {
        None => detail,
        Some((_, last)) => detail.replace(&trimmed[..at], "").replace(folder, last),
    });
    LegStatus { name: leg.name[at..].to_owned(), detail, ..leg }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, kind: &str, detail: Option<&str>) -> (String, Option<String>) {
        let detail = detail.map(str::to_owned);
        let leg = published(LegStatus { name: name.to_owned(), kind: kind.to_owned(), detail, ..LegStatus::default() });
        (leg.name, leg.detail)
    }

    #[test]
    fn no_folder_is_told() {
        let full = "/home/ada/take.mp4: no space left on the device";
        for (name, kind, detail, expected, expected_detail) in [
            ("take.mp4", "MP4", None, "take.mp4", None),
            ("/home/ada/take.mp4", "MP4", Some(full), "take.mp4", Some("take.mp4: no space left on the device")),
            ("/take.mp4", "MP4", Some("/take.mp4: a/b"), "take.mp4", Some("/take.mp4: a/b")),
            ("a/b.mp4", "MP4", Some("a/b.mp4: in a"), "b.mp4", Some("a/b.mp4: in a")),
            ("../out/frames/", "frames", None, "frames/", None),
            ("/srv/hls/live.m3u8", "HLS", Some("/srv/hls: gone"), "live.m3u8", Some("hls: gone")),
            ("rtmp://host/live", "RTMP", Some("rtmp://host/live: refused"), "rtmp://host/live", None),
        ] {
            let expected_detail = expected_detail.or(detail).map(str::to_owned);
            assert_eq!(shown(name, kind, detail), (expected.to_owned(), expected_detail), "{name}");
        }
        let bin = "gst: video/x-raw ! x264enc ! filesink";
        let (name, detail) = shown(bin, "GStreamer", Some("Could not open /a/b"));
        assert_eq!((name.as_str(), detail.as_deref()), (bin, Some("it failed: the terminal says why")));
    }
}
