//! From what is written to what is meant: names are looked up, times become frames, files are asked for their lengths.

mod beats;
mod board;
mod cast;
mod ease;
mod expressions;
mod load;
mod media;
mod shots;
mod transitions;

pub use expressions::built_in_expressions;

/// What is shown of a text in a message.
fn shortened(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}
