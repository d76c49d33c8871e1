//! A reader of the PDFs of this crate, which takes nothing from what writes them.

use std::collections::HashMap;

/// A PDF's objects, in the order of their numbers.
pub struct Pdf {
    objects: Vec<(String, Vec<u8>)>,
}

impl Pdf {
    /// Reads the table of objects, and each where it says.
    pub fn read(bytes: &[u8]) -> Self {
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
        let end = String::from_utf8_lossy(&bytes[bytes.len() - 64..]).into_owned();
        let start: usize = number_after(&end, "startxref").expect("a place");
        let table = bytes[start..].strip_prefix(b"xref\n").expect("a table");
        let mut lines = table.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned());
        let count: usize = lines.next().and_then(|line| line.strip_prefix("0 ")?.trim().parse().ok()).expect("a count");
        let objects = lines.skip(1).take(count - 1).enumerate().map(|(index, line)| {
            let at: usize = line[..10].parse().expect("a place");
            let head = format!("{} 0 obj\n", index + 1);
            object(bytes[at..].strip_prefix(head.as_bytes()).unwrap_or_else(|| panic!("object {}", index + 1)))
        });
        Self { objects: objects.collect() }
    }

    /// The dictionaries with this in them.
    pub fn with(&self, part: &str) -> Vec<&(String, Vec<u8>)> {
        self.objects.iter().filter(|(dict, _)| dict.contains(part)).collect()
    }

    fn referred(&self, dict: &str, key: &str) -> &(String, Vec<u8>) {
        let number: usize = number_after(dict, key).unwrap_or_else(|| panic!("{key} in {dict}"));
        &self.objects[number - 1]
    }

    /// The texts of each page, a line for each text that is shown.
    pub fn pages(&self) -> Vec<String> {
        let pages = self.with("/Type /Page\n");
        pages.into_iter().map(|(page, _)| self.page(page)).collect()
    }

    fn page(&self, page: &str) -> String {
        let fonts = ["/Sans", "/Bold", "/Mono"].into_iter().filter(|name| page.contains(&format!("{name} ")));
        let fonts: HashMap<&str, HashMap<u16, char>> = fonts
            .map(|name| {
                let (font, _) = self.referred(page, name);
                (name, characters(&inflated(&self.referred(font, "/ToUnicode").1)))
            })
            .collect();
        let content = inflated(&self.referred(page, "/Contents").1);
        let mut text = String::new();
        let mut font = None;
        for line in operations(&content) {
            let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            if line.ends_with(b" Tf") {
                font = fonts.get(String::from_utf8_lossy(words[0]).as_ref());
            } else if let Some(shown) = line.strip_suffix(b" Tj") {
                let codes = string(shown);
                let (pairs, rest) = codes.as_chunks();
                assert!(rest.is_empty());
                text.extend(pairs.iter().map(|pair| font.expect("a font")[&u16::from_be_bytes(*pair)]));
                text.push('\n');
            }
        }
        text
    }
}

fn number_after(text: &str, key: &str) -> Option<usize> {
    let rest = text.split_once(key)?.1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The dictionary and the stream of an object.
fn object(bytes: &[u8]) -> (String, Vec<u8>) {
    let find = |part: &[u8]| bytes.windows(part.len()).position(|window| window == part);
    let end = find(b"endobj").expect("an end");
    match find(b"\nstream\n").filter(|stream| *stream < end) {
        Some(at) => {
            let dict = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let length = number_after(&dict, "/Length ").expect("a length");
            let data = &bytes[at + 8..][..length];
            assert!(bytes[at + 8 + length..].starts_with(b"\nendstream"), "{dict}");
            (dict, data.to_vec())
        }
        None => (String::from_utf8_lossy(&bytes[..end]).into_owned(), Vec::new()),
    }
}

fn inflated(data: &[u8]) -> Vec<u8> {
    miniz_oxide::inflate::decompress_to_vec_zlib(data).expect("zlib")
}

/// Of a map to Unicode: which character each code is.
fn characters(map: &[u8]) -> HashMap<u16, char> {
    let map = String::from_utf8_lossy(map).into_owned();
    let pairs = map.lines().filter_map(|line| {
        let (code, units) = line.strip_prefix('<')?.split_once("> <")?;
        let units = units.strip_suffix('>')?;
        let unit = |at: usize| u16::from_str_radix(&units[at..at + 4], 16).ok();
        let units: Vec<u16> = (0..units.len()).step_by(4).map_while(unit).collect();
        Some((u16::from_str_radix(code, 16).ok()?, String::from_utf16(&units).ok()?.chars().next()?))
    });
    pairs.collect()
}

/// Lines of a content; line breaks within strings part none.
fn operations(content: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let (mut inside, mut escaped) = (false, false);
    for &byte in content {
        if byte == b'\n' && !inside {
            lines.push(Vec::new());
            continue;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'(' => inside = true,
            b')' => inside = false,
            _ => {}
        }
        lines.last_mut().expect("a line").push(byte);
    }
    lines
}

/// The bytes of `<0041>` or of `(...)`.
fn string(text: &[u8]) -> Vec<u8> {
    if let Some(hex) = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")) {
        let digits = String::from_utf8_lossy(hex).into_owned();
        return (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex"))
            .collect();
    }
    let mut bytes = text.strip_prefix(b"(").and_then(|text| text.strip_suffix(b")")).expect("a string").iter().copied();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next().expect("an escape") {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            octal @ b'0'..=b'7' => {
                let digits = [octal, bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 8).expect("octal")
            }
            other => other,
        });
    }
    out
}
