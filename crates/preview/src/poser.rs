//! Draws the expressions that pages try: the newest one of each page, one page after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use image::RgbImage;
use moue_timeline::Expression;
use tokio::sync::watch;

use crate::messages::{Kind, binary};
use crate::picture::jpeg;
use crate::pose::Pose;

/// Draws an expression on the portrait. The text of an error is shown on the page.
pub type PoseRenderer = Arc<dyn Fn(&Expression) -> Result<RgbImage, String> + Send + Sync>;

/// What became of a pose that was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Drawn {
    Picture(Bytes),
    Failed { id: u32, message: String },
}

pub(crate) type Answers = watch::Sender<Option<Drawn>>;

/// A page's newest wish.
struct Wish {
    page: u64,
    id: u32,
    pose: Pose,
    answers: Arc<Answers>,
}

/// Shared by the server and the thread that draws.
pub(crate) struct Poser {
    draw: PoseRenderer,
    /// The one that waits longest first; one for each page at most.
    wishes: Mutex<(Vec<Wish>, bool)>,
    bell: Condvar,
}

impl Poser {
    pub(crate) fn new(draw: PoseRenderer) -> Self {
        Self { draw, wishes: Mutex::new((Vec::new(), false)), bell: Condvar::new() }
    }

    /// Replaces what the page wished before, if that is not being drawn yet.
    pub(crate) fn wish(&self, page: u64, id: u32, pose: Pose, answers: &Arc<Answers>) {
        let mut guard = self.lock();
        let wish = Wish { page, id, pose, answers: Arc::clone(answers) };
        match guard.0.iter_mut().find(|wish| wish.page == page) {
            Some(before) => *before = wish,
            None => guard.0.push(wish),
        }
        drop(guard);
        self.bell.notify_all();
    }

    /// A page has gone.
    pub(crate) fn forget(&self, page: u64) {
        self.lock().0.retain(|wish| wish.page != page);
    }

    /// Ends [`Self::run`].
    pub(crate) fn end(&self) {
        self.lock().1 = true;
        self.bell.notify_all();
    }

    /// Draws what is wished until the end.
    pub(crate) fn run(&self) {
        while let Some(wish) = self.next() {
            let drawn = match self.draw(&wish.pose) {
                Ok(file) => Drawn::Picture(binary(Kind::Pose, wish.id, &[], &file)),
                Err(message) => Drawn::Failed { id: wish.id, message },
            };
            wish.answers.send_replace(Some(drawn));
        }
    }

    fn draw(&self, pose: &Pose) -> Result<Vec<u8>, String> {
        let expression = pose.expression();
        // A renderer that panics must not take the page with it.
        let drawn = catch_unwind(AssertUnwindSafe(|| (self.draw)(&expression)));
        let image = drawn.unwrap_or_else(|_| Err("the renderer failed on this expression".to_owned()))?;
        jpeg(&image)
    }

    fn next(&self) -> Option<Wish> {
        let idle = |(wishes, is_over): &mut (Vec<Wish>, bool)| wishes.is_empty() && !*is_over;
        let mut guard = self.bell.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let (wishes, is_over) = &mut *guard;
        (!*is_over).then(|| wishes.remove(0))
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Wish>, bool)> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use moue_timeline::Shape;

    use super::*;

    fn jaw(value: f64) -> Pose {
        Pose::new([("jawOpen", value)]).unwrap()
    }

    /// Wishes are made while nobody draws; then all that is left is drawn.
    fn drawn(wishes: &[(u64, f64)], draw: PoseRenderer) -> Vec<Option<Drawn>> {
        let poser = Poser::new(draw);
        let answers: Vec<Arc<Answers>> = (0..2).map(|_| Arc::new(watch::Sender::new(None))).collect();
        for (id, (page, value)) in wishes.iter().enumerate() {
            poser.wish(*page, id as u32, jaw(*value), &answers[*page as usize]);
        }
        let left = poser.lock().0.len();
        std::thread::scope(|scope| {
            scope.spawn(|| poser.run());
            let mut done: Vec<_> = answers.iter().map(|answers| answers.subscribe()).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for done in done.iter_mut().take(left) {
                runtime.block_on(done.wait_for(Option::is_some)).unwrap();
            }
            poser.end();
        });
        answers.iter().map(|answers| answers.borrow().clone()).collect()
    }

    #[test]
    fn the_newest_wish_of_each_page_is_drawn() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let draw: PoseRenderer = Arc::new(move |expression| {
            noted.lock().unwrap().push(expression.get(Shape::JawOpen));
            Ok(RgbImage::new(2, 2))
        });
        let drawn = drawn(&[(0, 0.1), (1, 0.2), (0, 0.3), (0, 0.4)], draw);
        assert_eq!(*seen.lock().unwrap(), [0.4, 0.2]);
        let ids = drawn.into_iter().map(|drawn| match drawn {
            Some(Drawn::Picture(message)) => message[8],
            other => panic!("{other:?}"),
        });
        assert_eq!(ids.collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn what_cannot_be_drawn_is_told_and_a_panic_too() {
        let draw: PoseRenderer = Arc::new(|expression| {
            assert!(expression.get(Shape::JawOpen) < 0.5, "a renderer's own bug");
            Err("no face".to_owned())
        });
        let told = drawn(&[(0, 0.1), (1, 0.9)], draw).into_iter().map(|drawn| match drawn {
            Some(Drawn::Failed { id, message }) => (id, message),
            other => panic!("{other:?}"),
        });
        let expected = [(0, "no face".to_owned()), (1, "the renderer failed on this expression".to_owned())];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pages_that_have_gone_are_forgotten() {
        let poser = Poser::new(Arc::new(|_| Err(String::new())));
        let answers = Arc::new(watch::Sender::new(None));
        poser.wish(1, 0, jaw(0.5), &answers);
        poser.forget(1);
        assert!(poser.lock().0.is_empty());
    }
}
