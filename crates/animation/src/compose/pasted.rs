//! A renderer of squares whose frames are whole pictures.

use image::RgbImage;
use moue_engine::Pool;
use moue_timeline::{Expression, FlameExpression};

use super::Composer;
use crate::{AnimationError, Asked, BatchObserver, Layout, Portrait, Renderer};

/// What a renderer paints, put back into the portrait.
pub struct Pasted {
    painter: Box<dyn Renderer>,
    composer: Composer,
    layout: Layout,
    squares: Pool<RgbImage>,
}

impl Pasted {
    /// Puts what `painter` paints into the portrait, as `layout` shows it, with so much (0 to 1) of the portrait's own
    /// fine `detail`. Colours are fitted by a painting of the face `at_rest` (see [`Self::rest`]).
    ///
    /// # Errors
    /// A face that cannot be aligned or fitted.
    pub fn new(
        painter: Box<dyn Renderer>,
        at_rest: &RgbImage,
        portrait: &Portrait,
        layout: Layout,
        detail: f32,
    ) -> Result<Self, AnimationError> {
        let (width, height) = painter.size();
        let composer = Composer::in_layout(portrait, &layout)?.matched(at_rest).detailed(detail, width);
        let squares = Pool::new(painter.batch().max(1), move || RgbImage::new(width, height));
        Ok(Self { painter, composer, layout, squares })
    }

    /// What the face is asked for by whose painting colours are fitted: it is at rest, whatever the motion.
    pub fn rest() -> Asked {
        Asked { index: 0, expression: Expression::NEUTRAL, flame: FlameExpression::NEUTRAL }
    }
}

impl Renderer for Pasted {
    fn name(&self) -> &'static str {
        self.painter.name()
    }

    fn device(&self) -> String {
        self.painter.device()
    }

    fn size(&self) -> (u32, u32) {
        self.layout.size
    }

    fn batch(&self) -> usize {
        self.painter.batch()
    }

    fn is_parallel(&self) -> bool {
        self.painter.is_parallel()
    }

    fn render(
        &self,
        asked: &[Asked],
        frames: &mut [RgbImage],
        observer: &dyn BatchObserver,
    ) -> Result<(), AnimationError> {
        let mut squares: Vec<RgbImage> = asked.iter().map(|_| self.squares.take()).collect();
        self.painter.render(asked, &mut squares, observer)?;
        for ((asked, square), frame) in asked.iter().zip(&squares).zip(frames) {
            self.composer.draw(&self.layout, square, &asked.expression, frame)?;
        }
        squares.into_iter().for_each(|square| self.squares.give(square));
        Ok(())
    }
}
