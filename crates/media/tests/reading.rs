//! Videos of all kinds, made by ffmpeg, are read as they were meant to be seen.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;

use image::{Rgb, RgbImage, imageops};
use moue_media::{MediaError, Source, VideoReader};

use support::{Folder, Frames, X264, counted, decoded, ffmpeg, look, packets, probe, read, split, stream};

/// Which frame of a counted film this is.
fn number(image: &RgbImage) -> i64 {
    let level = f64::from(image.get_pixel(image.width() / 2, image.height() / 2).0[1]);
    ((level * 219.0 / 255.0 + 16.0 - 20.0) / 2.0).round() as i64
}

#[test]
fn times_are_those_of_the_frames() {
    let folder = Folder::new();
    // Ten frames 40 ms apart, then ten of 120 ms; with frames that are stored out of order.
    let uneven = ",setpts='if(lt(N\\,10)\\,N/25\\,0.4+(N-10)*0.12)/TB'";
    for (name, filter, coding) in [
        ("even.mp4", "", X264),
        ("even.mkv", "", X264),
        ("even.webm", "", "-c:v libvpx-vp9 -deadline realtime -crf 4"),
        ("even.ts", "", X264),
        ("even.avi", "", "-c:v mpeg4 -q:v 2 -bf 2"),
        ("uneven.mp4", uneven, "-fps_mode vfr -c:v libx264 -qp 4"),
        ("uneven.mkv", uneven, "-fps_mode vfr -c:v libx264 -qp 4"),
    ] {
        let path = folder.at(name);
        counted(&path, 20, "25", filter, coding);
        let (frames, ending) = read(&path);
        assert!(ending.is_none(), "{name}: {ending:?}");
        let times: Vec<f64> = frames.iter().map(|(pts, _)| pts.as_seconds()).collect();
        let mut expected = packets(&path, "v:0", "pts_time");
        expected.sort_by(f64::total_cmp);
        if name.ends_with("avi") {
            // AVI has no times for frames that are stored out of order; all its frames take as long.
            expected = (0..20).map(|i| f64::from(i) / 25.0).collect();
        }
        assert_eq!((times.len(), expected.len()), (20, 20), "{name}: {times:?}");
        let is_uneven = expected[12] - expected[11] > 0.1;
        assert_eq!(is_uneven, name.starts_with("uneven"), "{name}: {expected:?}");
        for (i, (time, (_, image))) in times.iter().zip(&frames).enumerate() {
            assert!((time - (expected[i] - expected[0])).abs() < 0.0011, "{name}: {times:?}, {expected:?}");
            assert_eq!(number(image), i as i64, "{name}");
        }
    }
    let info = look(&folder.at("even.mp4"));
    let video = info.video.clone().unwrap();
    assert_eq!((video.codec.as_str(), video.size, video.rotation), ("H.264", (64, 48), 0));
    assert_eq!((info.expected_frames(), info.sound, info.is_live), (Some(20), None, false));
    assert!((info.duration.unwrap() - 0.8).abs() < 1e-6);
}

/// Patches of colour, three by two, of a size that codecs of any kind can hold.
const PATCHES: [[u8; 3]; 6] =
    [[200, 40, 40], [40, 180, 60], [40, 60, 200], [230, 230, 230], [224, 172, 140], [20, 20, 20]];

/// Writes the patches as a picture of three frames' length.
fn patches(folder: &Folder, width: u32, height: u32) -> std::path::PathBuf {
    let path = folder.at(&format!("patches{width}x{height}.png"));
    let image = RgbImage::from_fn(width, height, |x, y| Rgb(PATCHES[(y * 2 / height * 3 + x * 3 / width) as usize]));
    image.save(&path).unwrap();
    path
}

/// How far a picture of the patches is off, in levels, at most.
fn off(image: &RgbImage) -> u8 {
    let (width, height) = image.dimensions();
    let at = |i: usize| {
        let (column, row) = (i as u32 % 3, i as u32 / 3);
        image.get_pixel((2 * column + 1) * width / 6, (2 * row + 1) * height / 4).0
    };
    let pairs = (0..6).flat_map(|i| at(i).into_iter().zip(PATCHES[i]));
    pairs.map(|(found, expected)| found.abs_diff(expected)).max().unwrap()
}

#[test]
fn colours_are_what_the_stream_says() {
    let folder = Folder::new();
    let picture = patches(&folder, 96, 64);
    let matrices = [("bt709", "bt709"), ("smpte170m", "bt601"), ("bt2020nc", "bt2020"), ("smpte240m", "smpte240m")];
    let mut cases = Vec::new();
    for (tag, matrix) in matrices {
        for (range, name) in [("tv", "limited"), ("pc", "full")] {
            for format in ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"] {
                // One full cross for one matrix, the rest along its edges.
                if tag == "bt709" || format == "yuv420p" {
                    let scale =
                        format!("scale=out_color_matrix={matrix}:out_range={name}:flags=accurate_rnd+full_chroma_int");
                    let coding = format!(
                        "-vf {scale},format={format} -colorspace {tag} -color_range {range} -c:v libx264 -qp 2"
                    );
                    cases.push((format!("{tag}-{range}-{format}.mp4"), coding, 3));
                }
            }
        }
    }
    for (name, coding, slack) in [
        (
            "vp9-601.webm",
            "-vf scale=out_color_matrix=bt601 -pix_fmt yuv420p -colorspace smpte170m -c:v libvpx-vp9 -lossless 1",
            2,
        ),
        (
            "vp9-10.mkv",
            "-vf scale=out_color_matrix=bt709,format=yuv420p10le -colorspace bt709 -c:v libvpx-vp9 -lossless 1",
            2,
        ),
        ("mjpeg.avi", "-pix_fmt yuvj420p -c:v mjpeg -q:v 1", 4),
        ("mjpeg444.mov", "-pix_fmt yuvj444p -c:v mjpeg -q:v 1", 4),
        ("mpeg4.mp4", "-vf scale=out_color_matrix=bt601 -pix_fmt yuv420p -c:v mpeg4 -q:v 1", 4),
        ("prores.mov", "-vf scale=out_color_matrix=bt601 -c:v prores_ks -profile:v 3", 3),
        ("png.mov", "-c:v png", 0),
        ("rgb.avi", "-c:v rawvideo -pix_fmt bgr24", 0),
        ("x264rgb.mkv", "-c:v libx264rgb -qp 0 -pix_fmt rgb24", 0),
        ("ffv1.mkv", "-c:v ffv1 -pix_fmt bgr0", 0),
        ("yuyv.avi", "-vf scale=out_color_matrix=bt601 -c:v rawvideo -pix_fmt yuyv422", 3),
        ("huffyuv.avi", "-vf scale=out_color_matrix=bt601 -c:v huffyuv -pix_fmt yuv422p", 3),
    ] {
        cases.push((name.to_owned(), coding.to_owned(), slack));
    }
    let mut wrong = Vec::new();
    for (name, coding, slack) in cases {
        let path = folder.at(&name);
        ffmpeg(&format!("-loop 1 -framerate 25 -i {} -frames:v 2 {coding}", picture.display()), &path);
        let (frames, ending) = match VideoReader::open(&Source::from(&path)) {
            Ok(reader) => split(reader),
            Err(error) => (Vec::new(), Some(error)),
        };
        let worst = frames.iter().map(|(_, image)| off(image)).max().unwrap_or(255);
        if frames.len() != 2 || ending.is_some() || worst > slack {
            wrong.push(format!("{name}: {} frames, off by {worst}, {ending:?}", frames.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn odd_sizes_keep_every_pixel() {
    let folder = Folder::new();
    for (width, height) in [(101, 75), (100, 75), (97, 64), (17, 16)] {
        let picture = patches(&folder, width, height);
        for (name, coding) in [
            (
                "a.webm",
                "-pix_fmt yuv420p -vf scale=out_color_matrix=bt601 -colorspace smpte170m -c:v libvpx-vp9 -lossless 1",
            ),
            ("b.mp4", "-pix_fmt yuv444p -vf scale=out_color_matrix=bt601 -colorspace smpte170m -c:v libx264 -qp 2"),
            ("c.mkv", "-pix_fmt yuv420p -vf scale=out_color_matrix=bt601 -c:v ffv1"),
        ] {
            let path = folder.at(&format!("{width}x{height}{name}"));
            ffmpeg(&format!("-loop 1 -i {} -frames:v 1 {coding}", picture.display()), &path);
            let (frames, ending) = read(&path);
            assert!(frames.len() == 1 && ending.is_none(), "{name}: {ending:?}");
            assert_eq!(frames[0].1.dimensions(), (width, height), "{name}");
            assert!(off(&frames[0].1) <= 3, "{name}, {width}x{height}: {}", off(&frames[0].1));
        }
    }
}

#[test]
fn rotation_is_applied_and_told() {
    let folder = Folder::new();
    let picture = patches(&folder, 96, 64);
    let (plain, coding) = (folder.at("plain.mp4"), "-pix_fmt yuv444p -c:v libx264 -qp 2 -colorspace smpte170m");
    let scale = "-vf scale=out_color_matrix=bt601";
    ffmpeg(&format!("-loop 1 -i {} -frames:v 2 {scale} {coding}", picture.display()), &plain);
    let upright = read(&plain).0.remove(0).1;
    // ffmpeg's tag counts against the clock.
    for (tag, degrees) in [("90", 270), ("180", 180), ("270", 90)] {
        let path = folder.at(&format!("turned{tag}.mp4"));
        ffmpeg(&format!("-i {} -c copy -metadata:s:v:0 rotate={tag}", plain.display()), &path);
        let (frames, _) = read(&path);
        let expected = match degrees {
            90 => imageops::rotate90(&upright),
            180 => imageops::rotate180(&upright),
            _ => imageops::rotate270(&upright),
        };
        assert!(frames.iter().all(|(_, image)| *image == expected), "{tag}");
        // What a player shows, which heeds the tag.
        let shown = decoded("", &path, "-frames:v 1 -f rawvideo -pix_fmt rgb24");
        let (width, height) = expected.dimensions();
        let shown = RgbImage::from_raw(width, height, shown).unwrap();
        let worst = shown.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst <= Some(6), "{tag}: {worst:?}");
        let info = look(&path);
        let video = info.video.unwrap();
        assert_eq!((video.rotation, video.size, video.stored_size), (degrees, (width, height), (96, 64)));
        assert!(info.notes[0].contains(&format!("turned by {degrees}")), "{:?}", info.notes);
    }
}

#[test]
fn high_dynamic_range_is_noted() {
    let folder = Folder::new();
    let path = folder.at("a.mp4");
    let tags = "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc";
    ffmpeg(&format!("-f lavfi -i color=gray:s=64x48 -frames:v 1 -pix_fmt yuv420p10le -c:v libx264 {tags}"), &path);
    let notes = look(&path).notes;
    assert!(notes.len() == 1 && notes[0].contains("high dynamic range"), "{notes:?}");
    assert_eq!(read(&path).0.len(), 1);
}

#[test]
fn pixels_become_square() {
    let folder = Folder::new();
    let picture = patches(&folder, 96, 64);
    for (ratio, size) in [("4/3", (128, 64)), ("8/9", (96, 72))] {
        let path = folder.at(&format!("{}.mp4", ratio.replace('/', "-")));
        let filter = format!("-vf scale=out_color_matrix=bt601,setsar={ratio}");
        let coding = "-pix_fmt yuv420p -colorspace smpte170m -c:v libx264 -qp 2";
        ffmpeg(&format!("-loop 1 -i {} -frames:v 1 {filter} {coding}", picture.display()), &path);
        let (frames, _) = read(&path);
        assert_eq!(frames[0].1.dimensions(), size);
        assert!(off(&frames[0].1) <= 3, "{}", off(&frames[0].1));
        assert!(look(&path).notes[0].contains("stretched from 96x64"), "{:?}", look(&path).notes);
    }
}

/// How many rows stand out from both their neighbours at the moving edge: the comb of half pictures.
fn comb(image: &RgbImage) -> usize {
    let at = |x: u32, y: u32| i32::from(image.get_pixel(x, y).0[1]);
    let is_tooth = |x: u32, y: u32| {
        let (above, here, below) = (at(x, y - 1), at(x, y), at(x, y + 1));
        (here - above).abs() > 60 && (here - below).abs() > 60 && (above - below).abs() < 30
    };
    (0..image.width()).map(|x| (1..image.height() - 1).filter(|y| is_tooth(x, *y)).count()).sum()
}

#[test]
fn half_pictures_are_made_into_whole_ones() {
    let folder = Folder::new();
    // A white bar that moves by 4 pixels from half picture to half picture.
    let bar = "color=black:s=160x96:r=50,drawbox=x=0:y=0:w=1:h=1,geq=lum='if(between(X-4*N\\,8\\,40)\\,220\\,30)':cb=128:cr=128";
    for (name, coding, woven) in [
        ("h264.mkv", "-pix_fmt yuv420p -c:v libx264 -qp 4 -flags +ildct+ilme", "interleave_top"),
        ("mpeg2.ts", "-pix_fmt yuv420p -c:v mpeg2video -q:v 2 -flags +ildct+ilme", "interleave_top"),
        ("prores.mov", "-c:v prores_ks -profile:v 2 -flags +ildct", "interleave_top"),
        ("bottom.mkv", "-pix_fmt yuv420p -c:v libx264 -qp 4 -flags +ildct+ilme -x264opts bff", "interleave_bottom"),
    ] {
        let path = folder.at(name);
        let order = if woven == "interleave_top" { "-top 1 -field_order tt" } else { "-top 0 -field_order bb" };
        ffmpeg(&format!("-f lavfi -i {bar},tinterlace={woven} -frames:v 12 {order} {coding}"), &path);
        let raw = decoded("", &path, "-f rawvideo -pix_fmt rgb24");
        let combed = RgbImage::from_raw(160, 96, raw[3 * 160 * 96 * 4..3 * 160 * 96 * 5].to_vec()).unwrap();
        assert!(comb(&combed) > 100, "{name}: the source has {} teeth", comb(&combed));

        let (frames, ending) = read(&path);
        assert!(ending.is_none() && frames.len() == 12, "{name}: {} frames, {ending:?}", frames.len());
        let teeth: Vec<usize> = frames.iter().map(|(_, image)| comb(image)).collect();
        assert!(teeth[2..11].iter().all(|teeth| *teeth < 20), "{name}: {teeth:?}");
        for (i, (pts, _)) in frames.iter().enumerate() {
            assert!((pts.as_seconds() - i as f64 / 25.0).abs() < 0.0011, "{name}: frame {i} at {pts}");
        }
        let info = look(&path);
        assert!(info.video.unwrap().is_interlaced && info.notes[0].contains("half pictures"), "{name}");
    }
}

#[test]
fn a_part_begins_with_the_frame_that_is_shown_then() {
    let folder = Folder::new();
    for (name, coding) in [
        ("a.mp4", "-c:v libx264 -qp 4 -g 30"),
        ("a.mkv", "-c:v libx264 -qp 4 -g 30"),
        ("a.ts", "-c:v libx264 -qp 4 -g 30"),
        ("a.webm", "-c:v libvpx-vp9 -deadline realtime -crf 4 -g 30"),
    ] {
        let path = folder.at(name);
        counted(&path, 100, "25", "", coding);
        // Before and after the place from which seeking is worth it.
        for (start, end, first, times) in [
            (0.5, Some(0.7), 12, &[0.0, 0.02, 0.06, 0.10, 0.14, 0.18][..]),
            (0.48, Some(0.6), 12, &[0.0, 0.04, 0.08]),
            (3.01, Some(3.2), 75, &[0.0, 0.03, 0.07, 0.11, 0.15]),
            (3.9, None, 97, &[0.0, 0.02, 0.06]),
        ] {
            let (frames, ending) = split(VideoReader::open_range(&Source::from(&path), Some(start), end).unwrap());
            assert!(ending.is_none(), "{name}: {ending:?}");
            let found: Vec<f64> = frames.iter().map(|(pts, _)| pts.as_seconds()).collect();
            let is_right = found.len() == times.len() && found.iter().zip(times).all(|(a, b)| (a - b).abs() < 0.0016);
            assert!(is_right, "{name} from {start}: {found:?}");
            let numbers: Vec<i64> = frames.iter().map(|(_, image)| number(image)).collect();
            assert_eq!(numbers, (first..first + times.len() as i64).collect::<Vec<_>>(), "{name} from {start}");
        }
        let error = VideoReader::open_range(&Source::from(&path), Some(9.0), None)
            .and_then(|mut reader| reader.next().unwrap());
        assert!(matches!(error, Err(MediaError::Range { .. })), "{name}: {error:?}");
    }
    let path = folder.at("a.mp4");
    for (start, end) in [(Some(-1.0), None), (Some(2.0), Some(1.0)), (Some(f64::NAN), None), (None, Some(0.0))] {
        let error = VideoReader::open_range(&Source::from(&path), start, end).err().unwrap();
        assert!(matches!(error, MediaError::Range { .. }), "{error:?}");
    }
    let part = VideoReader::open_range(&Source::from(&path), Some(1.0), Some(3.0)).unwrap();
    assert_eq!((part.duration(), part.expected_frames()), (Some(2.0), Some(50)));
}

#[test]
fn a_reader_can_be_left_at_any_time() {
    let folder = Folder::new();
    let path = folder.at("a.mp4");
    counted(&path, 100, "25", "", X264);
    for taken in [0, 1, 50, 99, 100] {
        let mut reader = VideoReader::open(&Source::from(&path)).unwrap();
        assert_eq!(reader.by_ref().take(taken).filter(Result::is_ok).count(), taken);
    }
}

#[test]
fn a_folder_of_pictures_is_a_video() {
    let folder = Folder::new();
    let pictures = folder.at("frames");
    fs::create_dir(&pictures).unwrap();
    let empty = VideoReader::open(&Source::from(&pictures)).err().unwrap();
    assert!(matches!(empty, MediaError::EmptyFolder { .. }), "{empty:?}");
    for i in 0..12u8 {
        let image = RgbImage::from_pixel(8, 6, Rgb([i * 10; 3]));
        let ending = ["png", "webp", "PNG"][usize::from(i) % 3];
        image.save(pictures.join(format!("frame{i}.{ending}"))).unwrap();
    }
    fs::write(pictures.join("notes.txt"), "no picture").unwrap();
    fs::write(pictures.join(".hidden.png"), "no picture").unwrap();
    let source = Source::from(&pictures).at("10".parse().unwrap());
    let reader = VideoReader::open(&source).unwrap();
    assert_eq!((reader.duration(), reader.expected_frames(), reader.is_live()), (Some(1.2), Some(12), false));
    let levels = |frames: Frames| -> Vec<(u64, u8)> {
        frames.iter().map(|(pts, image)| (pts.0 / 1_000_000, image.get_pixel(0, 0).0[0])).collect()
    };
    let expected: Vec<(u64, u8)> = (0..12).map(|i| (u64::from(i) * 100, i * 10)).collect();
    assert_eq!(levels(split(reader).0), expected);
    let part = VideoReader::open_range(&source, Some(0.25), Some(0.5)).unwrap();
    assert_eq!(part.expected_frames(), Some(3));
    assert_eq!(levels(split(part).0), [(0, 20), (50, 30), (150, 40)]);

    fs::write(pictures.join("frame4.webp"), "no picture").unwrap();
    let (frames, ending) = split(VideoReader::open(&source).unwrap());
    assert!(frames.len() == 4 && ending.unwrap().to_string().contains("frame4.webp"));
    let single = VideoReader::open(&Source::from(&pictures.join("frame3.png"))).unwrap();
    assert_eq!(levels(split(single).0), [(0, 30)]);
}

#[test]
fn a_gif_is_a_video_with_times_of_its_own() {
    let folder = Folder::new();
    let path = folder.at("a.gif");
    // Three colours, 70 ms, 120 ms and 0 (which is taken for 100 ms), the second a patch that goes away again.
    let file = fs::File::create(&path).unwrap();
    let mut encoder = gif::Encoder::new(file, 8, 6, &[200, 0, 0, 0, 200, 0, 0, 0, 200]).unwrap();
    let frame = |index: u8, left: u16, width: u16, delay: u16, dispose| gif::Frame {
        left,
        width,
        height: 6,
        delay,
        dispose,
        buffer: vec![index; usize::from(width) * 6].into(),
        ..Default::default()
    };
    encoder.write_frame(&frame(0, 0, 8, 7, gif::DisposalMethod::Keep)).unwrap();
    encoder.write_frame(&frame(1, 0, 4, 12, gif::DisposalMethod::Previous)).unwrap();
    encoder.write_frame(&frame(2, 6, 2, 0, gif::DisposalMethod::Keep)).unwrap();
    drop(encoder);
    let (frames, ending) = read(&path);
    assert!(ending.is_none(), "{ending:?}");
    let times: Vec<u64> = frames.iter().map(|(pts, _)| pts.0 / 1_000_000).collect();
    assert_eq!(times, [0, 70, 190]);
    let colours = |i: usize| [0, 5, 7].map(|x| frames[i].1.get_pixel(x, 3).0.map(|value| value / 200));
    let (red, green, blue) = ([1, 0, 0], [0, 1, 0], [0, 0, 1]);
    assert_eq!([colours(0), colours(1), colours(2)], [[red, red, red], [green, red, red], [red, red, blue]]);
    let info = look(&path);
    assert_eq!((info.duration, info.video.unwrap().rate), (Some(0.29), None));
    let part = VideoReader::open_range(&Source::from(&path), Some(0.1), None).unwrap();
    let part = split(part).0;
    assert_eq!(part.iter().map(|(pts, _)| pts.0 / 1_000_000).collect::<Vec<_>>(), [0, 90]);
    assert_eq!(part[1].1, frames[2].1);

    let bytes = fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        if let Ok(reader) = VideoReader::open(&Source::from(&path)) {
            assert!(split(reader).0.len() <= 3);
        }
    }
}

#[test]
fn streams_that_are_not_pictures_do_no_harm() {
    let folder = Folder::new();
    let words = folder.at("words.srt");
    fs::write(&words, "1\n00:00:00,100 --> 00:00:00,700\nHello\n").unwrap();
    let path = folder.at("a.mkv");
    let sources =
        format!("-f lavfi -i color=s=64x48:d=1:r=25 -f lavfi -i sine=d=3 -f lavfi -i sine=d=1 -i {}", words.display());
    ffmpeg(
        &format!("{sources} -map 0 -map 1 -map 2 -map 3 -c:v libx264 -pix_fmt yuv420p -c:a:0 ac3 -c:a:1 libopus"),
        &path,
    );
    let (frames, ending) = read(&path);
    assert!(frames.len() == 25 && ending.is_none(), "{} frames, {ending:?}", frames.len());
    let sound = look(&path).sound.unwrap();
    assert_eq!(sound.codec, "AC-3");
    assert_eq!(stream(&path, "a:1", "codec_name"), "opus");
    assert!(
        !packets(&path, "v:0", "pts_time").is_empty() && probe(&path, "-show_entries format=nb_streams").contains('4')
    );
}
