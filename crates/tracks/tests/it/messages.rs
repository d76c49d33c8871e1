//! The full text of every refusal of a table or of a file as a whole.

use std::path::Path;

use moue_tracks::{MAX_FILE_BYTES, read};

use crate::{llf, llf_header, llf_row, refusal};

pub const TRACKS: &str = "a table (moue, Live Link Face, Audio2Face-3D), JSON (MediaPipe, Audio2Face), iFacialMocap text, \
                          or NumPy arrays (.npy, .npz)";

#[track_caller]
fn says(text: impl AsRef<[u8]>, message: &str) {
    assert_eq!(refusal(text), message);
}

#[test]
fn files_that_hold_no_track() {
    let says_found = |bytes: &[u8], found: &str, hint: &str| {
        says(bytes, &format!("take: found {found}, expected {TRACKS}\nhint: {hint}"));
    };
    says_found(b"", "an empty file", "record or export the track again");
    says_found(b"\xef\xbb\xbf", "an empty file", "record or export the track again");
    says_found(b"\n \r\n\n", "only blank lines", "record or export the track again");
    let utf16: Vec<u8> = "\u{feff}time,jawOpen\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    says_found(&utf16, "UTF-16 text", "save it as UTF-8 (spreadsheets: 'CSV UTF-8')");
    let video = "a track is made of it first: moue track VIDEO -o track.csv";
    says_found(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "a video", video);
    says_found(b"\x1a\x45\xdf\xa3\x01\x00", "a video", video);
    says_found(b"RIFF\x00\x00\x00\x00AVI LIST", "a video", video);
    says_found(b"GIF89a", "a video", video);
    let picture = "a motion is a track or a video; the portrait of `moue animate PORTRAIT MOTION` comes first";
    says_found(b"\x89PNG\r\n\x1a\n", "a picture", picture);
    says_found(b"\xff\xd8\xff\xe0", "a picture", picture);
    let sound = "sound alone moves no face: Audio2Face makes a track of it";
    says_found(b"RIFF\x00\x00\x00\x00WAVEfmt ", "sound", sound);
    let matlab = "save its arrays as NumPy's: m = scipy.io.loadmat(path); np.savez('track.npz', exp=m['exp'], \
                  pose=m['pose'])";
    says_found(b"MATLAB 5.0 MAT-file, Platform: posix", "a MATLAB file", matlab);
    let hdf5 = "save its arrays with np.savez(path, expression=..., eyelids=..., jaw=...)";
    says_found(b"\x89HDF\r\n\x1a\n\x00", "an HDF5 file", hdf5);
    let pickle = "pickled objects can run code and are never loaded; save the arrays themselves: np.savez(path, \
                  expression=..., eyelids=..., jaw=...)";
    says_found(b"\x80\x04\x95\x10", "pickled Python objects", pickle);
    let binary = "tables are UTF-8 text: save them as 'CSV UTF-8'; save arrays with np.save or np.savez";
    says_found(b"time,jawOpen\n0,\x00\n", "binary data", binary);
    says_found(b"time,m\xe4\xdf\n0,1\n", "binary data", binary);
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| read(path).unwrap_err().to_string();
    let name = folder.path().display();
    let frames = "an archive or a folder for each frame (flame-head-tracker, VHAP, EMOCA, DECA)";
    assert_eq!(
        message(folder.path()),
        format!("{name}: found an empty folder, expected {frames}\nhint: check the name")
    );
    assert_eq!(
        message(&folder.path().join("none.csv")),
        format!(
            "{name}/none.csv: found no such file, expected a file that can be read\nhint: check the spelling; \
             relative paths start at the current folder"
        )
    );
    // A sparse file: it takes no room, and is refused before it is read.
    let huge = folder.path().join("huge.csv");
    std::fs::File::create(&huge).unwrap().set_len(MAX_FILE_BYTES + (1 << 20)).unwrap();
    assert_eq!(
        message(&huge),
        format!(
            "{name}/huge.csv: found 513 MiB, expected at most 512 MiB\nhint: cut the recording into parts, or keep every \
             second row"
        )
    );
}

#[test]
fn headers() {
    let expected = "expected a column 'time' (moue CSV), 'Timecode' (Live Link Face CSV) or 'timeCode' and \
                    'blendShapes.…' (Audio2Face-3D CSV)";
    says(
        "frame,jawOpen\n0,1\n",
        &format!(
            "take, line 1: found the columns 'frame', 'jawOpen', {expected}\nhint: add a column 'time' with the seconds \
             of each row"
        ),
    );
    says(
        "Tme,jawOpen\n0,1\n",
        &format!("take, line 1: found the columns 'Tme', 'jawOpen', {expected}\nhint: rename 'Tme' to 'time'"),
    );
    says(
        "name,price\nbread,1\n",
        &format!(
            "take, line 1: found the columns 'name', 'price', {expected}\nhint: a track is a table with a header such as \
             time,jawOpen,mouthSmileLeft"
        ),
    );
    says(
        "0,0.1,0.2\n1,0.1,0.2\n",
        &format!(
            "take, line 1: found a line of numbers, {expected}\nhint: add a header line such as time,jawOpen,mouthSmileLeft"
        ),
    );
    says(
        "\ntime,jawOpne\n0,1\n",
        "take, line 2: found no known column among 'jawOpne', expected at least one column that drives the face\n\
         hint: rename 'jawOpne' to 'jawOpen'",
    );
    says(
        "time\n0\n",
        "take, line 1: found only 'time', expected at least one column that drives the face\nhint: add a column such as \
         jawOpen or mouthSmileLeft",
    );
    says(
        "time,jawOpen,JawOpen\n0,1,1\n",
        "take, line 1, column 3 (JawOpen): found 'JawOpen' a second time, after column 2, expected each column once\n\
         hint: delete or rename one of the two",
    );
    says(
        "time,jawOpen\n\n",
        "take: found only a header, expected rows of numbers below it\nhint: record or export the track again",
    );
    says(llf_header(), "take: found only a header, expected rows of coefficients\nhint: record the take again");
    says(
        llf_header().replace("JawOpen,", "JawOpne,").replace("MouthClose,", ""),
        "take, line 1: found no columns 'jawOpen', 'mouthClose', expected all 52 shapes\nhint: rename column 'JawOpne' to \
         'jawOpen'",
    );
    says(
        "Timecode,BlendShapeCount,Smile\n",
        "take, line 1: found no columns 'eyeBlinkLeft', 'eyeLookDownLeft', 'eyeLookInLeft', 'eyeLookOutLeft', \
         'eyeLookUpLeft', 'eyeSquintLeft' and 46 more, expected all 52 shapes\nhint: export the take again; for a table of \
         fewer shapes name the time column 'time', in seconds",
    );
}

#[test]
fn numbers() {
    let cell = |text: &str| refusal(format!("time,mouthClose,jawOpen\n0,0,0\n1,0,{text}\n"));
    let place = "take, line 3, column 3 (jawOpen): found";
    let gap = "fill the gap, or delete the row: missing rows are bridged";
    for text in ["NaN", "inf", "-Infinity"] {
        assert_eq!(cell(text), format!("{place} '{text}', expected a finite number\nhint: {gap}"));
    }
    assert_eq!(
        cell("1e39"),
        format!(
            "{place} '1e39', expected a number that is not so large\nhint: look for a slip: coefficients lie \
             between 0 and 1, times are in seconds"
        )
    );
    let number = "every field below the header is a number";
    for text in ["open", "0x1", "1.2.3", "50%", "1 2"] {
        assert_eq!(cell(text), format!("{place} '{text}', expected a finite number\nhint: {number}"));
    }
    let empty = "fill the field, or delete the row: missing rows are bridged";
    assert_eq!(cell(""), format!("{place} nothing, expected a finite number\nhint: {empty}"));
    let long = "x".repeat(1000);
    assert_eq!(cell(&long), format!("{place} '{}…', expected a finite number\nhint: {number}", "x".repeat(40)));
    assert_eq!(cell("\x1b[31m"), format!("{place} '\u{fffd}[31m', expected a finite number\nhint: {number}"));
    // Windows line ends move no line.
    says(
        "time,jawOpen\r\n0,0\r\n\r\n1,NaN\r\n",
        &format!("take, line 4, column 2 (jawOpen): found 'NaN', expected a finite number\nhint: {gap}"),
    );
}

#[test]
fn times() {
    let second = |text: &str| refusal(format!("time,jawOpen\n2,0\n{text},0\n"));
    let place = "take, line 3, column 1 (time): found";
    assert_eq!(
        second("-1"),
        format!("{place} '-1', expected a time of zero or more\nhint: count the seconds from the start")
    );
    assert_eq!(
        second("1.5"),
        format!(
            "{place} '1.5', expected a time after the row above (2)\nhint: time runs backwards: sort the rows by time"
        )
    );
    assert_eq!(
        second("1e12"),
        format!(
            "{place} '1e12', expected a time at most a day after the row above (2)\nhint: times are in seconds: look \
             for a slip, or divide milliseconds by 1000"
        )
    );
    assert_eq!(
        second("2.0"),
        format!(
            "{place} '2.0' a second time, expected a time after the row above\nhint: two rows have one time: delete one of them"
        )
    );
    assert_eq!(
        second("00:00:01:02.5"),
        format!(
            "{place} '00:00:01:02.5', expected seconds\nhint: write 62.5 for 00:01:02.5; a column named Timecode holds HH:MM:SS:FF.mmm"
        )
    );
}

#[test]
fn timecodes() {
    let second = |code: &str| refusal(llf(&[llf_row("10:00:02:05.0", 0.0, [0.0; 3]), llf_row(code, 0.0, [0.0; 3])]));
    let place = "take, line 3, column 1 (Timecode): found";
    let form = "expected a timecode HH:MM:SS:FF.mmm";
    assert_eq!(
        second("-10:00:03:00.0"),
        format!("{place} '-10:00:03:00.0', {form}\nhint: a timecode is never negative: check the recording's clock")
    );
    assert_eq!(
        second("10:00:03"),
        format!("{place} '10:00:03', {form}\nhint: a timecode is for example 13:04:31:07.652")
    );
    assert_eq!(
        second("3.5"),
        format!("{place} '3.5', {form}\nhint: for seconds name the column 'time' and the shapes as in ARKit")
    );
    let after = "expected a timecode after the row above";
    let backwards = "time runs backwards: sort the rows, or cut the file where the clock was set";
    assert_eq!(second("10:00:01:59.0"), format!("{place} '10:00:01:59.0', {after}\nhint: {backwards}"));
    assert_eq!(
        second("10:00:02:05.0"),
        format!("{place} '10:00:02:05.0' a second time, {after}\nhint: two rows have one time: delete one of them")
    );
    let lost = format!("{}\n00:00:00:00.0,0\n00:00:00:01.0,0\n", llf_header());
    says(
        lost,
        "take: found no row with a face, expected rows of coefficients\nhint: the app saw no face: record the take again",
    );
}

#[test]
fn separators_and_shapes_of_lines() {
    let mixed = "hint: separators are mixed: save the table again with one kind (',', ';' or tab)";
    says(
        "time;jawOpen,mouthClose;mouthPucker\n0;1;2\n",
        &format!("take, line 1: found commas too, expected only semicolons between the columns\n{mixed}"),
    );
    says(
        "time,jawOpen,mouthClose\n0,1,2\n1;1;2\n",
        &format!("take, line 3: found semicolons, expected only commas between the columns\n{mixed}"),
    );
    says(
        "time;jawOpen;mouthClose\n0;1;2\n1,1,2\n",
        &format!("take, line 3: found commas, expected only semicolons between the columns\n{mixed}"),
    );
    says(
        "time,jawOpen,mouthClose\n0,1\t2\n",
        &format!("take, line 2: found tabs, expected only commas between the columns\n{mixed}"),
    );
    says(
        "time,jawOpen,mouthClose\n0,1\n",
        "take, line 2: found 2 fields, expected 3 as in the header\nhint: the line is cut short or runs on: complete it, or \
         delete it (missing rows are bridged)",
    );
    says(
        "time,jawOpen\n0,0,5\n",
        "take, line 2: found 3 fields, expected 2 as in the header\nhint: decimal commas need semicolons between the columns; \
         otherwise complete or delete the line",
    );
    says(
        "time,jawOpen\n0,\"1\n1,1\n",
        "take, line 2: found a quote that is not closed, expected a row of fields\nhint: close it on the same line, or remove \
         it",
    );
    says(
        "time,jawOpen\r0,1\r1,1\r",
        "take, line 1: found a carriage return inside the line, expected a row of fields\nhint: save the table with Unix or \
         Windows line ends",
    );
    says(
        format!("time,jawOpen\n0,{}\n", " ".repeat(2 << 20)),
        "take, line 2: found a line of more than 1 MiB, expected a row of numbers\nhint: check that this is a table with line \
         ends",
    );
    let mut late = b"time,jawOpen\n".to_vec();
    late.extend((0..10_000).flat_map(|row| format!("{row},0.5\n").into_bytes()));
    late.extend(b"10000,\xff\n");
    says(
        late,
        "take, line 10002, column 2 (jawOpen): found '\u{fffd}', expected UTF-8 text\nhint: save the table as 'CSV UTF-8'",
    );
}
