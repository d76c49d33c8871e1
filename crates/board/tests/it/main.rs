//! Boards from whole storyboards.

mod forms;
mod given;
mod pdf_text;
mod texts;
