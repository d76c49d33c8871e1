use moue_charts::{ChannelFigures, Comparison, ComparisonSheet, Order, Page, comparison};
use moue_timeline::{Channel, FrameRate, Track};

use crate::support::{at_30, count, says, texts, track};

const ASKED: [u8; 3] = [0x9c, 0xc9, 0xe8];
const MEASURED: [u8; 3] = [0xc0, 0x4a, 0x00];
const NAMES: [&str; 4] = ["jawOpen", "browInnerUp", "head_yaw", "mouthFunnel"];

fn tracks() -> (Track, Track) {
    let asked = track(&NAMES, at_30(300), |column, time| match column {
        0 => (0.5 + 0.5 * (time * 2.0).sin()) as f32,
        1 => (0.2 + 0.2 * time.sin()) as f32,
        2 => (0.3 * time.cos()) as f32,
        _ => 0.0,
    });
    let measured = track(&NAMES, at_30(300), |column, time| match column {
        0 => (0.4 + 0.4 * (time * 2.0 - 0.2).sin()) as f32,
        1 => (0.2 - 0.2 * time.sin()) as f32,
        2 => (0.3 * time.cos()) as f32,
        _ => 0.05,
    });
    (asked, measured)
}

fn drawn(order: Order, rate: Option<FrameRate>) -> Page {
    let (asked, measured) = tracks();
    let channels = asked.agreement(&measured).iter().map(ChannelFigures::from).collect();
    let pair = Comparison { asked: &asked, measured: &measured, channels, order, rate, stretches: Vec::new() };
    comparison(&ComparisonSheet { title: "a and b".to_owned(), summary: String::new(), comparison: pair })
}

fn names(page: &Page) -> Vec<String> {
    texts(page).into_iter().filter(|text| NAMES.contains(&text.as_str())).collect()
}

#[test]
fn figures_are_printed_above_each_plot() {
    let page = drawn(Order::Given, Some(FrameRate::FPS_30));
    assert_eq!(names(&page), NAMES);
    let all = texts(&page);
    let after = |name: &str| all[all.iter().position(|text| text == name).unwrap() + 1..].to_vec();
    // 0.1 s late: three frames at 30 per second; sin lags by 0.2 rad of a period of pi seconds.
    let jaw = after("jawOpen");
    assert!(
        jaw[0].starts_with("r 0.9") && jaw[1].contains("lag +3.0 frames") && jaw[1].contains("error 0."),
        "{jaw:?}"
    );
    let brow = after("browInnerUp");
    assert!(brow[0] == "r −1.00" && brow[1].contains("slope −1.00"), "{brow:?}");
    let yaw = after("head_yaw");
    assert_eq!(yaw[..2], [", degrees", "r 1.00"]);
    assert!(yaw[2].contains("error 0  ·  lag 0.0 frames"), "{yaw:?}");
    assert!(after("mouthFunnel")[0] == "not asked to move");
    assert!(says(&page, "asked") && says(&page, "measured"));
    assert!(all.iter().any(|text| text.starts_with("r: correlation") && text.ends_with("time in seconds")));
    assert!(texts(&drawn(Order::Given, None)).iter().any(|text| text.contains("lag +100 ms")));
}

#[test]
fn channels_are_ordered_as_asked() {
    assert_eq!(names(&drawn(Order::WorstFirst, None)), ["browInnerUp", "jawOpen", "head_yaw", "mouthFunnel"]);
    // Standard deviations 0.35, 0.14, 0.21 rad = 12 degrees of 20, 0.
    assert_eq!(names(&drawn(Order::MovementFirst, None)), ["head_yaw", "jawOpen", "browInnerUp", "mouthFunnel"]);
}

#[test]
fn measured_lies_on_asked() {
    let picture = drawn(Order::Given, None).to_image();
    assert!(count(&picture, 106..800, ASKED) > 2000 && count(&picture, 106..800, MEASURED) > 500);
}

#[test]
fn more_channels_than_a_page_holds_are_counted() {
    let every: Vec<&str> = Channel::all().map(Channel::name).collect();
    let asked = track(&every, at_30(40), |column, time| (time + column as f64).sin() as f32);
    let figures =
        |channel| ChannelFigures { channel, correlation: None, slope: Some(0.0), mean_abs_error: None, lag: None };
    let pair = Comparison {
        asked: &asked,
        measured: &asked,
        channels: Channel::all().map(figures).collect(),
        order: Order::WorstFirst,
        rate: None,
        stretches: Vec::new(),
    };
    let sheet = ComparisonSheet { title: String::new(), summary: String::new(), comparison: pair };
    let page = comparison(&sheet);
    assert!(says(&page, "and 92 channels more") && says(&page, "does not move"));
    assert_eq!(texts(&page).iter().filter(|text| text.as_str() == "does not move").count(), 18);
    let none = Comparison { channels: Vec::new(), ..sheet.comparison };
    let page = comparison(&ComparisonSheet { comparison: none, ..sheet });
    assert!(says(&page, "no channel in common"));
}

#[test]
fn a_channel_that_one_track_lacks_shows_the_other() {
    let asked = track(&["jawOpen"], at_30(30), |_, time| time as f32);
    let measured = track(&["browInnerUp"], at_30(30), |_, time| time as f32);
    let channel = Channel::from_name("jawOpen").unwrap();
    let figures = ChannelFigures { channel, correlation: None, slope: None, mean_abs_error: None, lag: None };
    let pair = Comparison {
        asked: &asked,
        measured: &measured,
        channels: vec![figures],
        order: Order::default(),
        rate: None,
        stretches: Vec::new(),
    };
    let page = comparison(&ComparisonSheet { title: String::new(), summary: String::new(), comparison: pair });
    let picture = page.to_image();
    let below_the_key = image::imageops::crop_imm(&picture, 0, 90, 1600, picture.height() - 90).to_image();
    assert!(count(&below_the_key, 0..1600, ASKED) > 500);
    assert_eq!(count(&below_the_key, 0..1600, MEASURED), 0);
}
