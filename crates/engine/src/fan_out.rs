//! N workers on one stream, results in the order of the stream.
//!
//! A worker takes an item and, before letting the next worker take one, queues the place where its result will
//! appear. One thread walks those places in order and sends the results on. The queue of places is bounded, so a
//! slow item holds the others back instead of letting finished results pile up.

use std::sync::{Arc, Mutex};

use crossbeam_channel::bounded;

use crate::channel::{Receiver, Sender};
use crate::error::{StageError, Stopped};
use crate::scope::{Scope, lock};
use crate::stats::waiting;

pub(crate) fn start<'scope, I, O, S>(
    scope: &Scope<'scope, '_>,
    name: &str,
    workers: usize,
    input: Receiver<I>,
    output: Sender<O>,
    start: impl Fn(usize) -> Result<S, StageError> + Send + Sync + 'scope,
    work: impl Fn(&mut S, I) -> Result<O, StageError> + Send + Sync + 'scope,
) where
    I: Send + 'scope,
    O: Send + 'scope,
{
    // One place is held by the thread that walks them, and each worker can hold one result that is done.
    let (places, in_order) = scope.channel::<crossbeam_channel::Receiver<O>>(&format!("{name}: in order"), workers);
    let stage = scope.add_stage(name);
    let takeoff = Arc::new(Mutex::new(input));
    let jobs = Arc::new((start, work));
    for worker in 0..workers {
        let (takeoff, jobs, places) = (Arc::clone(&takeoff), Arc::clone(&jobs), places.clone());
        scope.spawn(stage, name, move |_| {
            let (start, work) = &*jobs;
            let mut state = start(worker)?;
            loop {
                let input = waiting(|| lock(&takeoff));
                let Some(item) = input.recv()? else { break };
                let (result, place) = bounded(1);
                places.send(place)?;
                drop(input);
                // The place is empty and waited for, so this neither blocks nor fails unless the run is over.
                result.send(work(&mut state, item)?).map_err(|_| Stopped)?;
            }
            places.close();
            Ok(())
        });
    }
    places.close();
    let walk = format!("{name}: in order");
    scope.stage(&walk, move |_| {
        while let Some(place) = in_order.recv()? {
            // A worker that fails drops its end unused.
            output.send(waiting(|| place.recv()).map_err(|_| Stopped)?)?;
        }
        output.close();
        Ok(())
    });
}
