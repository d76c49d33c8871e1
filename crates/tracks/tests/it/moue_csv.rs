use std::f32::consts::PI;

use moue_timeline::{Channel, Shape};
use moue_tracks::Format;

use crate::{at, load};

#[test]
fn columns_are_found_by_name_in_any_order_and_casing() {
    let loaded = load("JAWOPEN,time,head_yaw,exp_03,mouthSmileLeft\n0,0,-90,2,1\n1,2,90,4,0\n");
    assert_eq!(loaded.format, Format::Moue);
    let names: Vec<&str> = loaded.track.channels().iter().map(|channel| channel.name()).collect();
    assert_eq!(names, ["jawOpen", "head_yaw", "exp_03", "mouthSmileLeft"]);
    let half = at(&loaded, 0.5);
    assert_eq!(half.get(Shape::JawOpen), 0.25);
    assert_eq!(half.get(Shape::MouthSmileLeft), 0.75);
    assert!((half.head.yaw + PI / 4.0).abs() < 1e-6, "degrees become radians");
    assert_eq!(loaded.notes, Vec::<String>::new());
}

#[test]
fn the_first_key_moves_to_zero() {
    let loaded = load("time,jawOpen\n12.5,0\n13.5,1\n");
    assert_eq!(loaded.track.times(), [0.0, 1.0]);
}

#[test]
fn harmless_variations_are_read() {
    let plain = load("time,jawOpen\n0,0.5\n1,0.25\n");
    for text in [
        "\u{feff}time,jawOpen\n0,0.5\n1,0.25\n",
        "time,jawOpen\r\n0,0.5\r\n1,0.25\r\n",
        "time,jawOpen\n0,0.5\n1,0.25",
        "\n\ntime,jawOpen\n0,0.5\n1,0.25\n\n  \n,\n",
        "\"time\",\"jawOpen\"\n\"0\",\"0.5\"\n1,\"0.25\"\n",
        " time , jawOpen \n 0 , 0.5 \n 1 , 2.5e-1 \n",
    ] {
        let loaded = load(text);
        assert_eq!(loaded.track, plain.track, "{text:?}");
        assert_eq!(loaded.notes, Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn other_notations_are_read_and_named() {
    let plain = load("time,jawOpen\n0,0.5\n1,0.25\n");
    for (text, note) in [
        ("time;jawOpen\n0;0.5\n1;0.25\n", "columns are separated by semicolons"),
        ("time;jawOpen\n0;0,5\n1;0,25\n", "columns are separated by semicolons, decimals by commas"),
        ("time\tjawOpen\n0\t0.5\n1\t0.25\n", "columns are separated by tabs"),
        ("time\tjawOpen\n0\t0,5\n1\t0,25\n", "columns are separated by tabs, decimals by commas"),
        ("time,jawOpen\n0,0.5\n\n1,0.25\n", "1 blank lines between the rows were skipped"),
    ] {
        let loaded = load(text);
        assert_eq!(loaded.track, plain.track, "{text:?}");
        assert_eq!(loaded.notes, [note], "{text:?}");
    }
}

#[test]
fn what_means_nothing_is_ignored_and_named() {
    let loaded = load("time,jawOpen,jawOpne,mood,\n0,0,1,2,3\n1,0,1,2,3\n");
    assert_eq!(loaded.track.channels(), [Channel::Shape(Shape::JawOpen)]);
    assert_eq!(loaded.notes, ["ignored 3 unknown columns: 'jawOpne', 'mood', '' ('jawOpne' may be jawOpen)"]);
}

#[test]
fn thousands_of_columns_are_read() {
    let names: String = (0..5000).map(|index| format!(",extra_{index}")).collect();
    let values = ",0".repeat(5000);
    let loaded = load(format!("time,jawOpen{names}\n0,0{values}\n1,1{values}\n"));
    assert_eq!(loaded.track.channels().len(), 1);
    assert_eq!(
        loaded.notes,
        [
            "ignored 5000 unknown columns: 'extra_0', 'extra_1', 'extra_2', 'extra_3', 'extra_4', 'extra_5' and 4994 more"
        ]
    );
}

#[test]
fn ten_rows_for_an_hour_are_sampled_by_time() {
    let rows: String = (0..10).map(|row| format!("{},{}\n", row * 400, f64::from(row) / 10.0)).collect();
    let loaded = load(format!("time,jawOpen\n{rows}"));
    assert_eq!(loaded.track.duration(), 3600.0);
    assert!((at(&loaded, 200.0).get(Shape::JawOpen) - 0.05).abs() < 1e-6);
    assert_eq!(
        loaded.notes,
        ["the rate is very low: 10 rows in 3600.0 s, one every 400.0 s; values move slowly from one to the next"]
    );
}

#[test]
fn values_in_percent_are_kept_and_named() {
    let loaded = load("time,jawOpen,mouthClose\n0,0,5\n1,87.5,0\n");
    assert_eq!(at(&loaded, 1.0).get(Shape::JawOpen), 87.5);
    assert_eq!(
        loaded.notes,
        ["values lie far outside 0 to 1: jawOpen reaches 87.5; these look like percent: divide by 100"]
    );
    assert_eq!(load("time,jawOpen\n0,-0.1\n1,1.4\n").notes, Vec::<String>::new());
}

#[test]
fn missing_rows_of_a_regular_table_are_bridged_and_named() {
    let rows: String =
        (0..60).filter(|row| !(20..23).contains(row)).map(|row| format!("{},{row}\n", f64::from(row) / 30.0)).collect();
    let loaded = load(format!("time,exp_00\n{rows}"));
    assert_eq!(loaded.notes, ["gaps: 3 rows are bridged; the longest gap lasts 0.13 s, from 0.63 s"]);
    assert_eq!(load("time,jawOpen\n0.5,1\n").notes, ["there is a single row: the expression is held"]);
}
