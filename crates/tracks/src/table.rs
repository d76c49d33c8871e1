//! A separated table, line by line, with the place of everything.
//!
//! Lines are read one at a time so that a long recording needs no more memory than its numbers and every message has
//! the right line, whatever the line ends; a field never spans lines.

use std::io::{BufRead, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::error::quoted;
use crate::{Place, TrackError};

/// 63 columns need less than a kilobyte; this leaves room for tens of thousands.
const MAX_LINE_BYTES: u64 = 1 << 20;

pub(crate) struct Table<R> {
    file: String,
    input: R,
    separator: u8,
    header: Vec<String>,
    parser: Reader,
    line: Vec<u8>,
    /// From 1.
    line_number: u64,
    blank_lines: u64,
    inner_blank_lines: u64,
    decimal_commas: bool,
    text: Vec<u8>,
    /// Where each field of the current line ends in `text`.
    ends: Vec<usize>,
}

impl<R: BufRead> Table<R> {
    /// Reads up to and including the header.
    pub fn open(file: &str, input: R) -> Result<Self, TrackError> {
        let mut table = Self {
            file: file.to_owned(),
            input,
            separator: b',',
            header: Vec::new(),
            parser: Reader::new(),
            line: Vec::new(),
            line_number: 0,
            blank_lines: 0,
            inner_blank_lines: 0,
            decimal_commas: false,
            text: Vec::new(),
            ends: Vec::new(),
        };
        if !table.read_line()? {
            return Err(TrackError::whole_file(file, "only blank lines", "a header line", "export the track again"));
        }
        table.separator = table.find_separator()?;
        table.parser = ReaderBuilder::new().delimiter(table.separator).build();
        table.split()?;
        let names = (0..table.len()).map(|column| table.cell(column).map(str::to_owned));
        table.header = names.collect::<Result<_, _>>()?;
        table.blank_lines = 0;
        Ok(table)
    }

    /// The next line that is not blank; false at the end.
    pub fn next_row(&mut self) -> Result<bool, TrackError> {
        loop {
            if !self.read_line()? {
                return Ok(false);
            }
            self.split()?;
            // Spreadsheets leave rows of bare separators below a table.
            if !self.text.iter().all(u8::is_ascii_whitespace) {
                self.inner_blank_lines += std::mem::take(&mut self.blank_lines);
                return Ok(true);
            }
            self.blank_lines += 1;
        }
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    /// Names as written, without blanks around them.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Fields of the current line.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// What a person should know about the notation.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match self.separator {
            b';' if self.decimal_commas => notes.push("columns are separated by semicolons, decimals by commas".into()),
            b';' => notes.push("columns are separated by semicolons".into()),
            b'\t' if self.decimal_commas => notes.push("columns are separated by tabs, decimals by commas".into()),
            b'\t' => notes.push("columns are separated by tabs".into()),
            _ => {}
        }
        if self.inner_blank_lines > 0 {
            notes.push(format!("{} blank lines between the rows were skipped", self.inner_blank_lines));
        }
        notes
    }

    /// A field of the current line (`column` below [`Self::len`]), without blanks around it.
    pub fn cell(&self, column: usize) -> Result<&str, TrackError> {
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        let bytes = &self.text[start..self.ends[column]];
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.trim()),
            Err(_) => {
                let found = quoted(&String::from_utf8_lossy(bytes));
                Err(self.at(column, found, "UTF-8 text", "save the table as 'CSV UTF-8'"))
            }
        }
    }

    /// A finite number of the current line.
    pub fn number(&mut self, column: usize) -> Result<f64, TrackError> {
        self.converted(column, |value| value)
    }

    /// A number of the current line in another unit, where it is finite.
    pub fn converted(&mut self, column: usize, convert: impl Fn(f64) -> f64) -> Result<f64, TrackError> {
        let text = self.cell(column)?;
        let mut parsed = text.parse::<f64>();
        if self.separator != b',' && parsed.is_err() && text.contains(',') {
            parsed = text.replacen(',', ".", 1).parse();
            self.decimal_commas |= parsed.is_ok();
        }
        let text = self.cell(column)?;
        let hint = match parsed {
            // An f32 holds every value; what overflows it is no coefficient.
            Ok(value) if (convert(value) as f32).is_finite() => return Ok(convert(value)),
            Ok(_) if !text.contains(|c: char| c.is_ascii_digit()) => {
                "fill the gap, or delete the row: missing rows are bridged"
            }
            Ok(_) => "look for a slip: coefficients lie between 0 and 1, times are in seconds",
            Err(_) if text.is_empty() => "fill the field, or delete the row: missing rows are bridged",
            Err(_) => "every field below the header is a number",
        };
        let found = if text.is_empty() { "nothing".to_owned() } else { quoted(text) };
        let expected = match parsed {
            Ok(value) if value.is_finite() => "a number that is not so large",
            _ => "a finite number",
        };
        Err(self.at(column, found, expected, hint))
    }

    /// Fails where the current line has not as many fields as the header.
    pub fn check_width(&self) -> Result<(), TrackError> {
        let (width, expected) = (self.len(), self.header.len());
        if width == expected {
            return Ok(());
        }
        let others = [b',', b';', b'\t'].into_iter().filter(|other| *other != self.separator);
        let mut others = others.filter(|other| self.line.contains(other));
        // Next to semicolons and tabs a comma may be a decimal sign.
        let mixed = others.find(|other| *other != b',' || width < expected);
        if let Some(other) = mixed {
            let found = format!("{}s", separator_name(other));
            return Err(self.mixed(found));
        }
        let hint = if width > expected && self.separator == b',' {
            "decimal commas need semicolons between the columns; otherwise complete or delete the line"
        } else {
            "the line is cut short or runs on: complete it, or delete it (missing rows are bridged)"
        };
        let place = Place::Line(self.line_number);
        let plural = |count: usize| format!("{count} field{}", if count == 1 { "" } else { "s" });
        Err(TrackError::new(&self.file, place, plural(width), format!("{expected} as in the header"), hint))
    }

    /// An error about a field of the current line.
    pub fn at(
        &self,
        column: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> TrackError {
        let name = self.header.get(column).map_or("header", String::as_str);
        let name = quoted(name).trim_matches('\'').to_owned();
        let place = Place::Cell { line: self.line_number, column: column + 1, name };
        TrackError::new(&self.file, place, found, expected, hint)
    }

    fn mixed(&self, found: String) -> TrackError {
        let expected = format!("only {}s between the columns", separator_name(self.separator));
        let hint = "separators are mixed: save the table again with one kind (',', ';' or tab)";
        TrackError::new(&self.file, Place::Line(self.line_number), found, expected, hint)
    }

    /// Header names hold no decimal commas, so a second kind of separator there is a mistake.
    fn find_separator(&mut self) -> Result<u8, TrackError> {
        let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
        let mut inside_quotes = false;
        for byte in &self.line {
            inside_quotes ^= *byte == b'"';
            if let Some(count) = counts.iter_mut().find(|count| count.0 == *byte && !inside_quotes) {
                count.1 += 1;
            }
        }
        counts.sort_by_key(|count| std::cmp::Reverse(count.1));
        self.separator = counts[0].0;
        if counts[1].1 > 0 {
            return Err(self.mixed(format!("{}s too", separator_name(counts[1].0))));
        }
        Ok(counts[0].0)
    }

    /// Reads the next line that has more than white space into `line`, without its end; false at the file's end.
    fn read_line(&mut self) -> Result<bool, TrackError> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.input).take(MAX_LINE_BYTES);
            let read = limited.read_until(b'\n', &mut self.line).map_err(|error| TrackError::io(&self.file, error))?;
            if read == 0 {
                return Ok(false);
            }
            self.line_number += 1;
            if read as u64 == MAX_LINE_BYTES {
                let (found, expected) = ("a line of more than 1 MiB", "a row of numbers");
                let hint = "check that this is a table with line ends";
                return Err(TrackError::new(&self.file, Place::Line(self.line_number), found, expected, hint));
            }
            while self.line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
            self.blank_lines += 1;
        }
    }

    /// Splits `line` into fields.
    fn split(&mut self) -> Result<(), TrackError> {
        self.line.push(b'\n');
        self.text.resize(self.line.len(), 0);
        self.ends.resize(self.line.len() + 1, 0);
        self.parser.reset();
        let (result, read, written, fields) = self.parser.read_record(&self.line, &mut self.text, &mut self.ends);
        let whole = read == self.line.len();
        self.line.pop();
        self.text.truncate(written);
        self.ends.truncate(fields);
        let (found, hint) = match result {
            ReadRecordResult::Record if whole => return Ok(()),
            ReadRecordResult::Record => {
                ("a carriage return inside the line", "save the table with Unix or Windows line ends")
            }
            _ => ("a quote that is not closed", "close it on the same line, or remove it"),
        };
        self.ends.clear();
        Err(TrackError::new(&self.file, Place::Line(self.line_number), found, "a row of fields", hint))
    }
}

fn separator_name(separator: u8) -> &'static str {
    match separator {
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "comma",
    }
}
