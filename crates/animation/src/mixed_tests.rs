use std::path::Path;
use std::sync::LazyLock;

use image::Rgb;
use moue_face::FaceTracker;
use moue_timeline::{FlameChannel, FlameExpression};

use super::*;

const SIDE: u32 = 64;

/// Paints a level for the first component of the expression, and remembers what it painted.
#[derive(Default)]
struct Brush {
    painted: Arc<Mutex<Vec<u64>>>,
    batch: usize,
}

impl Renderer for Brush {
    fn name(&self) -> &'static str {
        "brush"
    }

    fn size(&self) -> (u32, u32) {
        (SIDE, SIDE)
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn render(&self, asked: &[Asked], frames: &mut [RgbImage], _: &dyn BatchObserver) -> Result<(), AnimationError> {
        for (asked, frame) in asked.iter().zip(frames) {
            self.painted.lock().unwrap().push(asked.index);
            let level = 100.0 + asked.flame.as_array()[0] * 50.0;
            *frame = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([level as u8, (x * 3) as u8, (y * 3) as u8]));
        }
        Ok(())
    }
}

struct Deaf;

impl BatchObserver for Deaf {
    fn step(&self, _: u64, _: usize, _: usize, _: usize) -> Result<(), AnimationError> {
        Ok(())
    }
}

/// A smile component that the mesh does not know, and a jaw that it does.
fn shot() -> Vec<Asked> {
    let values = [0.0, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 0.5, 0.0];
    let ask = |(index, value): (usize, &f32)| {
        let mut flame = FlameExpression::NEUTRAL;
        flame.set(FlameChannel::from_index(0).unwrap(), *value);
        flame.set(FlameChannel::from_index(FlameChannel::JAW.start).unwrap(), 0.2 * value);
        Asked { index: index as u64, expression: Expression::NEUTRAL, flame }
    };
    values.iter().enumerate().map(ask).collect()
}

static PORTRAIT: LazyLock<Portrait> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/portraits/toyface.png");
    Portrait::load(&path, None, &FaceTracker::new().unwrap()).unwrap()
});

fn mixed(how: Keyframing, batch: usize) -> (Mixed, Arc<Mutex<Vec<u64>>>) {
    let painted = Arc::default();
    let brush = Brush { painted: Arc::clone(&painted), batch };
    let shot: Vec<FlameExpression> = shot().iter().map(|asked| asked.flame).collect();
    (Mixed::new(Box::new(brush), &PORTRAIT, &shot, how, None).unwrap(), painted)
}

fn frames(mixed: &Mixed, asked: &[Asked]) -> Vec<RgbImage> {
    let mut frames: Vec<RgbImage> = asked.iter().map(|_| mixed.new_frame()).collect();
    mixed.render(asked, &mut frames, &Deaf).unwrap();
    frames
}

#[test]
fn keyframes_are_paintings_and_what_lies_between_goes_from_one_to_the_next() {
    let (mixed, painted) = mixed(Keyframing::Within(0.45), 1);
    assert_eq!(mixed.keyframes().collect::<Vec<_>>(), [0, 6, 9]);
    let frames = frames(&mixed, &shot());
    assert_eq!(*painted.lock().unwrap(), [0, 6, 9]);
    assert_eq!(frames[0], frames[1], "the same is asked");
    assert_eq!(frames[6], frames[7]);
    // Where nothing moves, levels follow the expression; where the jaw is, what is painted moves.
    let level = |frame: &RgbImage| frame.get_pixel(1, 1).0;
    let levels: Vec<u8> = frames.iter().map(|frame| level(frame)[0]).collect();
    assert_eq!(levels, [100, 100, 110, 120, 130, 140, 150, 150, 125, 100]);
    assert!(frames.iter().all(|frame| level(frame)[1..] == [3, 3]));
    // Of the first keyframe alone, the chin shows what was above it.
    let (alone, _) = self::mixed(Keyframing::Share(0.1), 1);
    assert_eq!(alone.keyframes().count(), 1);
    let chin = |frame: &RgbImage| frame.get_pixel(SIDE / 2, SIDE * 7 / 8).0[2];
    let carried = self::frames(&alone, &shot());
    assert!(chin(&carried[6]) + 3 < chin(&carried[0]), "{} {}", chin(&carried[6]), chin(&carried[0]));
}

#[test]
fn any_part_of_a_shot_is_what_the_whole_shot_has_there() {
    for batch in [1, 2] {
        let whole = frames(&mixed(Keyframing::Every(3), batch).0, &shot());
        let (part, _) = mixed(Keyframing::Every(3), batch);
        assert_eq!(frames(&part, &shot()[4..6]), whole[4..6], "{batch} at once");
        // Backwards too: keyframes that are no longer in memory are painted again.
        for index in [8, 5, 1] {
            assert_eq!(frames(&part, &shot()[index..=index])[0], whole[index], "frame {index}");
        }
    }
}

#[test]
fn painting_every_frame_is_the_painter() {
    let (mixed, painted) = mixed(Keyframing::Every(1), 4);
    let frames = frames(&mixed, &shot());
    assert_eq!(*painted.lock().unwrap(), (0..10).collect::<Vec<_>>());
    for (frame, asked) in frames.iter().zip(shot()) {
        let mut alone = [mixed.new_frame()];
        mixed.painter.render(&[asked], &mut alone, &Deaf).unwrap();
        assert_eq!(*frame, alone[0]);
    }
}
