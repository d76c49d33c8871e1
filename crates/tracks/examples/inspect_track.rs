//! Prints what a track file holds: `cargo run -p moue-tracks --example inspect_track -- FILE...`
#![allow(clippy::print_stdout)]

use std::path::Path;

fn main() {
    for name in std::env::args().skip(1) {
        match moue_tracks::read(Path::new(&name)) {
            Ok(loaded) => {
                let (rows, columns) = (loaded.track.times().len(), loaded.track.channels().len());
                println!(
                    "{name}: {}, {rows} rows of {columns} channels, {} s",
                    loaded.format.title(),
                    loaded.track.duration()
                );
                loaded.notes.iter().for_each(|note| println!("  {note}"));
            }
            Err(error) => println!("{error}"),
        }
    }
}
