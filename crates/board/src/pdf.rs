//! The board as a PDF.

use std::collections::{BTreeMap, BTreeSet};

use miniz_oxide::deflate::compress_to_vec_zlib;
use moue_charts::draw::{Colour, MUTED};
use moue_charts::font::{Type, Typeface};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect as Box, Ref, Str, TextStr};

use crate::BoardError;
use crate::layout::{self, BLOCK_GAP, Block, Form, GAP, usual_columns};
use crate::lines::Item;
use crate::pdf_font::PdfFont;
use crate::picture::{Jpeg, within};
use crate::words::Words;

/// A4, landscape, in points.
const PAGE: [f64; 2] = [841.89, 595.28];
const MARGIN: f64 = 30.0;
const WIDTH: f64 = PAGE[0] - 2.0 * MARGIN;
/// Boards of no more pages get a column more where that saves one.
const FEW_PAGES: usize = 3;
/// From the bottom of the page to the baseline of what stands below the panels.
const FOOT: f64 = 16.0;
const FOOT_TYPE: Type = Type::plain(7.5);
const COMPRESSION: u8 = 6;

/// A page: what is on it, and the shots that begin there, with the points from its top to where they do.
#[derive(Default)]
struct Page {
    items: Vec<Item>,
    shots: Vec<(usize, f64)>,
}

/// Writes the board.
pub(crate) fn pdf(words: &Words<'_>, jpegs: &[Jpeg], aspect: f64) -> Result<Vec<u8>, BoardError> {
    let usual = usual_columns(aspect);
    let mut pages = pages(words, aspect, usual);
    if (2..=FEW_PAGES).contains(&pages.len()) {
        // Small boards on as few sheets of paper as can be.
        let dense = self::pages(words, aspect, usual + 1);
        if dense.len() < pages.len() {
            pages = dense;
        }
    }
    number(&mut pages, words.heading());
    write(words, jpegs, &pages)
}

/// The board on pages with so many panels side by side.
fn pages(words: &Words<'_>, aspect: f64, columns: usize) -> Vec<Page> {
    let panel = (WIDTH + GAP) / columns as f64 - GAP;
    let highest = PAGE[1] - 2.0 * MARGIN;
    let mut form = Form { columns, panel, aspect, highest, first: highest, most_lines: usize::MAX };
    let mut blocks = vec![layout::title(words, &form)];
    form.first -= blocks[0].height + BLOCK_GAP;
    blocks.extend(layout::rows(words, &form));
    paginate(blocks, form.highest)
}

/// Puts blocks below each other, as many as a page holds.
fn paginate(blocks: Vec<Block>, highest: f64) -> Vec<Page> {
    let mut pages = vec![Page::default()];
    let mut y = 0.0;
    for block in blocks {
        if y > 0.0 && y + BLOCK_GAP + block.height > highest {
            pages.push(Page::default());
            y = 0.0;
        } else if y > 0.0 {
            y += BLOCK_GAP;
        }
        let (at, shots) = ([MARGIN, MARGIN + y], block.shots);
        y += block.height;
        if let Some(page) = pages.last_mut() {
            page.shots.extend(shots.into_iter().map(|shot| (shot, at[1])));
            page.items.extend(block.items.into_iter().map(|item| item.shifted(at)));
        }
    }
    pages
}

/// Writes the title and the page's number below each page.
fn number(pages: &mut [Page], title: &str) {
    let count = pages.len();
    for (index, page) in pages.iter_mut().enumerate() {
        let number = format!("{} / {count}", index + 1);
        let (y, room) = (PAGE[1] - FOOT, FOOT_TYPE.width(&number));
        let title = FOOT_TYPE.fit(title, WIDTH - room - GAP);
        page.items.push(Item::text(&title, FOOT_TYPE, MUTED, [MARGIN, y]));
        page.items.push(Item::text(&number, FOOT_TYPE, MUTED, [MARGIN + WIDTH - room, y]));
    }
}

/// Numbers of objects.
struct Numbers(i32);

impl Numbers {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }

    fn some(&mut self, count: usize) -> Vec<Ref> {
        (0..count).map(|_| self.next()).collect()
    }
}

fn write(words: &Words<'_>, jpegs: &[Jpeg], pages: &[Page]) -> Result<Vec<u8>, BoardError> {
    let mut numbers = Numbers(0);
    let [catalog, tree, info, outline] = std::array::from_fn(|_| numbers.next());
    let fonts = fonts(pages);
    let (page_ids, content_ids) = (numbers.some(pages.len()), numbers.some(pages.len()));
    let (picture_ids, font_ids) = (numbers.some(jpegs.len()), numbers.some(fonts.len()));
    let marks = numbers.some(words.shots.len());

    let mut pdf = Pdf::new();
    let mut root = pdf.catalog(catalog);
    root.pages(tree).outlines(outline);
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    let mut about = pdf.document_info(info);
    about.title(TextStr(words.heading())).creator(TextStr("moue")).producer(TextStr("moue"));
    about.finish();
    pdf.pages(tree).kids(page_ids.iter().copied()).count(pages.len() as i32);

    for (index, page) in pages.iter().enumerate() {
        let content = content(page, jpegs, &fonts);
        let mut out = pdf.page(page_ids[index]);
        out.media_box(Box::new(0.0, 0.0, PAGE[0] as f32, PAGE[1] as f32)).parent(tree).contents(content_ids[index]);
        let mut resources = out.resources();
        let mut dict = resources.fonts();
        for (typeface, id) in fonts.keys().zip(&font_ids) {
            dict.pair(Name(font_name(*typeface)), *id);
        }
        dict.finish();
        let mut dict = resources.x_objects();
        for panel in page.items.iter().filter_map(Item::panel).filter(|panel| *panel < jpegs.len()) {
            dict.pair(Name(&picture_name(panel)), picture_ids[panel]);
        }
        dict.finish();
        resources.finish();
        out.finish();
        let content = compress_to_vec_zlib(&content, COMPRESSION);
        pdf.stream(content_ids[index], &content).filter(Filter::FlateDecode);
    }
    for (jpeg, id) in jpegs.iter().zip(&picture_ids) {
        let mut image = pdf.image_xobject(*id, &jpeg.bytes);
        image.filter(Filter::DctDecode);
        image.width(jpeg.width as i32).height(jpeg.height as i32).bits_per_component(8);
        image.color_space().device_rgb();
    }
    bookmarks(&mut pdf, words, pages, &page_ids, outline, &marks);
    for ((_, font), id) in fonts.iter().zip(&font_ids) {
        font.write(&mut pdf, *id, || numbers.next())?;
    }
    Ok(pdf.finish())
}

/// One for each shot.
fn bookmarks(pdf: &mut Pdf, words: &Words<'_>, pages: &[Page], page_ids: &[Ref], outline: Ref, marks: &[Ref]) {
    let mut root = pdf.outline(outline);
    if let [first, .., last] | [first @ last] = marks {
        root.first(*first).last(*last).count(marks.len() as i32);
    }
    root.finish();
    let begins = pages.iter().zip(page_ids).flat_map(|(page, id)| page.shots.iter().map(move |begin| (begin, *id)));
    for ((shot, top), page) in begins {
        let mut mark = pdf.outline_item(marks[*shot]);
        mark.title(TextStr(&words.shots[*shot].heading())).parent(outline);
        if let Some(before) = shot.checked_sub(1) {
            mark.prev(marks[before]);
        }
        if let Some(after) = marks.get(shot + 1) {
            mark.next(*after);
        }
        mark.dest().page(page).xyz(0.0, (PAGE[1] - top + 8.0) as f32, None);
    }
}

/// The fonts that are used, with their characters.
fn fonts(pages: &[Page]) -> BTreeMap<Typeface, PdfFont> {
    let mut characters: BTreeMap<Typeface, BTreeSet<char>> = BTreeMap::new();
    for item in pages.iter().flat_map(|page| &page.items) {
        if let Item::Text { text, face, .. } = item {
            characters.entry(face.typeface).or_default().extend(text.chars());
        }
    }
    characters.iter().map(|(typeface, characters)| (*typeface, PdfFont::new(*typeface, characters))).collect()
}

fn font_name(typeface: Typeface) -> &'static [u8] {
    match typeface {
        Typeface::Sans => b"Sans",
        Typeface::SansBold => b"Bold",
        Typeface::Mono => b"Mono",
    }
}

fn picture_name(panel: usize) -> Vec<u8> {
    format!("Panel{}", panel + 1).into_bytes()
}

fn content(page: &Page, jpegs: &[Jpeg], fonts: &BTreeMap<Typeface, PdfFont>) -> Vec<u8> {
    let mut content = Content::new();
    for item in &page.items {
        match item {
            Item::Text { at: [x, y], text, face, colour } => {
                if let Some(font) = fonts.get(&face.typeface) {
                    fill(&mut content, *colour);
                    content.begin_text().set_font(Name(font_name(face.typeface)), face.size as f32);
                    content.next_line(*x as f32, up(*y)).show(Str(&font.encode(text))).end_text();
                }
            }
            Item::Fill { rect, colour } => {
                fill(&mut content, *colour);
                let [x, width, height] = [rect.x, rect.width, rect.height].map(|length| length as f32);
                content.rect(x, up(rect.bottom()), width, height).fill_nonzero();
            }
            Item::Picture { rect, panel } => {
                if let Some(jpeg) = jpegs.get(*panel) {
                    let rect = within(*rect, jpeg.width, jpeg.height);
                    let [x, width, height] = [rect.x, rect.width, rect.height].map(|length| length as f32);
                    content.save_state().transform([width, 0.0, 0.0, height, x, up(rect.bottom())]);
                    content.x_object(Name(&picture_name(*panel))).restore_state();
                }
            }
        }
    }
    content.finish().into_vec()
}

fn fill(content: &mut Content, Colour(rgb): Colour) {
    let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
    content.set_fill_rgb(r, g, b);
}

/// From the top of the page to its bottom.
fn up(y: f64) -> f32 {
    (PAGE[1] - y) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_stay_in_order_and_on_their_pages(heights in prop::collection::vec(1.0..500.0f64, 1..40)) {
            let block = |(shot, height): (usize, &f64)| Block { height: *height, items: Vec::new(), shots: vec![shot] };
            let pages = paginate(heights.iter().enumerate().map(block).collect(), 500.0);
            let order: Vec<usize> = pages.iter().flat_map(|page| page.shots.iter().map(|(shot, _)| *shot)).collect();
            prop_assert_eq!(order, (0..heights.len()).collect::<Vec<usize>>());
            for page in &pages {
                prop_assert!(!page.shots.is_empty());
                prop_assert!(page.shots.iter().all(|(shot, top)| top + heights[*shot] <= MARGIN + 500.0 + 1e-9));
                let below = |pair: &[(usize, f64)]| pair[0].1 + heights[pair[0].0] < pair[1].1;
                prop_assert!(page.shots.windows(2).all(below));
            }
        }
    }
}
