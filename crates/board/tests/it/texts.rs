//! Nothing that is written is lost, whatever it is.

use moue_board::Board;
use proptest::prelude::*;

use crate::given::{pictures, storyboard};
use crate::pdf_text::Pdf;

/// Without what lines are broken at.
fn letters(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

/// A board with these texts, as a page and as the text of its PDF.
fn written(title: &str, caption: &str, dialogue: &str) -> (String, String, Vec<char>) {
    let mut board = storyboard("shots: [{name: one, beats: [at 1s to smile, at 2s to fear]}]\n");
    board.title = Some(title.to_owned());
    board.shots[0].caption = Some(caption.to_owned());
    board.shots[0].beats[1].dialogue = Some(dialogue.to_owned());
    let pictures = pictures(&board, &[(16, 9)]);
    let board = Board::new(&board, &pictures).expect("a picture for each panel");
    let pages = Pdf::read(&board.pdf().expect("fonts")).pages().concat();
    (board.html(), letters(&pages), board.missing_glyphs())
}

#[test]
fn characters_without_a_glyph_are_told_and_stay_searchable() {
    let (html, pdf, missing) = written("Ελληνικά, кириллица", "Ada 喜ぶ 喜 ok ❤\u{fe0f}", "😺 👩\u{200d}🚀");
    assert_eq!(missing, ['ぶ', '喜', '👩', '🚀']);
    assert!(html.contains("Ada 喜ぶ 喜 ok ❤\u{fe0f}") && html.contains("👩\u{200d}🚀"));
    assert!(pdf.contains("Ada喜ぶ喜ok❤") && pdf.contains("👩🚀"), "{pdf}");
    assert!(written("Latin", "ßöçł — “”…", "–").2.is_empty());
}

#[test]
fn texts_longer_than_a_page_go_on_on_the_next() {
    let words: Vec<String> = (0..900).map(|word| format!("word{word:03}")).collect();
    let (html, pdf, _) = written("Long", &words.join(" "), "Short.");
    assert!(html.contains("word899"));
    assert_eq!(pdf.matches("word").count(), 900);
    let places: Vec<Option<usize>> = words.iter().map(|word| pdf.find(word.as_str())).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    // It begins below the title, and ends above the last page's number.
    let begins = pdf.find("word000") < pdf.find("Long1/9");
    assert!(begins && pdf.contains("word899smile") && pdf.ends_with("Long9/9"), "{pdf}");
}

#[test]
fn what_is_not_told_takes_no_room() {
    let (html, pdf, _) = written(" ", "", "\n");
    assert!(html.contains("<title>Storyboard</title>") && !html.contains("caption\"") && !html.contains("<blockquote"));
    assert!(pdf.starts_with("Storyboard") && !pdf.contains('“'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_text_is_in_every_form(
        title in "[a-zé<>&\"' ]{0,40}",
        caption in "[ -~à-ýА-я一-龥😀-😏]{0,120}(\n[ -~]{0,20}){0,2}",
        dialogue in "[ -~\\P{C}\n]{0,60}",
    ) {
        let (html, pdf, _) = written(&title, &caption, &dialogue);
        let page = letters(&unescaped(&html));
        prop_assert!(!html.contains("<script") && html.matches("<figure").count() == 2);
        for text in [&title, &caption, &dialogue] {
            prop_assert!(page.contains(&letters(text.trim())), "{text:?}");
        }
        for text in [&title, &caption] {
            prop_assert!(pdf.contains(&letters(text.trim())), "{text:?} in {pdf:?}");
        }
    }
}
