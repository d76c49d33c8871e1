//! Whole runs: order, errors, panics and cancellation, none of which may hang.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use moue_engine::{CancelToken, EngineError, Report, StageError, Stopped, run};
use proptest::prelude::*;

#[derive(Debug, thiserror::Error, PartialEq)]
#[error("disk full at item {0}")]
struct DiskFull(u64);

/// Runs `work` on a thread and fails instead of hanging.
fn in_time<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, outcome) = sync_channel(1);
    std::thread::spawn(move || done.send(work()));
    outcome.recv_timeout(Duration::from_secs(20)).expect("the run hangs or its thread panicked")
}

/// An endless source, two workers, a sink; `sink` decides what happens to each item.
fn endless(
    token: &CancelToken,
    work: impl Fn(u64) -> Result<u64, StageError> + Send + Sync + 'static,
    sink: impl Fn(u64) -> Result<(), StageError> + Send + Sync + 'static,
) -> Result<Report, EngineError> {
    let outcome = run(token, |scope| {
        let (numbers, source) = scope.channel("numbers", 2);
        let (results, done) = scope.channel("results", 2);
        let (idle, never) = scope.channel::<u64>("never used", 1);
        scope.stage("source", move |stage| {
            let mut n = 0;
            while !stage.is_finishing() {
                numbers.send(n)?;
                n += 1;
            }
            numbers.close();
            idle.close();
            Ok(())
        });
        scope.fan_out("work", 2, source, results, |_| Ok(()), move |(), n| work(n));
        scope.stage("sink", move |_| {
            while let Some(n) = done.recv()? {
                sink(n)?;
            }
            Ok(())
        });
        // Blocks on an empty channel for as long as the run lasts.
        scope.stage("idle", move |_| {
            while never.recv()?.is_some() {}
            Ok(())
        });
    });
    outcome.map(|((), report)| report)
}

#[test]
fn an_error_in_the_sink_is_the_error_of_the_run() {
    let error = in_time(|| {
        endless(&CancelToken::new(), Ok, |n| if n == 57 { Err(DiskFull(n).into()) } else { Ok(()) }).unwrap_err()
    });
    let EngineError::Failed { stage, source } = error else { panic!("{error}") };
    assert_eq!(stage, "sink");
    assert_eq!(source.downcast_ref(), Some(&DiskFull(57)));
}

#[test]
fn an_error_in_a_worker_is_the_error_of_the_run() {
    let error = in_time(|| {
        let work = |n| if n == 40 { Err(DiskFull(n).into()) } else { Ok(n) };
        endless(&CancelToken::new(), work, |_| Ok(())).unwrap_err()
    });
    assert!(matches!(&error, EngineError::Failed { stage, .. } if stage == "work"), "{error}");
    assert_eq!(error.to_string(), "disk full at item 40");
}

#[test]
fn a_panic_in_a_worker_becomes_an_error() {
    let error = in_time(|| {
        let work = |n| if n == 9 { panic!("bad item {n}") } else { Ok(n) };
        endless(&CancelToken::new(), work, |_| Ok(())).unwrap_err()
    });
    assert_eq!(error.to_string(), "the stage \"work\" panicked: bad item 9");
}

#[test]
fn a_finish_delivers_what_is_under_way() {
    let report = in_time(|| {
        let token = CancelToken::new();
        let inside = token.clone();
        let finish_at_30 = move |n| {
            if n == 30 {
                inside.finish();
            }
            Ok(())
        };
        endless(&token, Ok, finish_at_30).unwrap()
    });
    let (numbers, results) = (report.channel("numbers").unwrap(), report.channel("results").unwrap());
    assert!(numbers.sent > 30);
    assert_eq!(numbers.sent, results.received);
    assert!(numbers.max_depth <= 2 && results.max_depth <= 2);
}

#[test]
fn an_abort_stops_a_run_whose_sink_is_stuck_behind_full_channels() {
    let error = in_time(|| {
        let token = CancelToken::new();
        let inside = token.clone();
        let stuck = move |_| {
            while !inside.is_aborting() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        };
        let outside = token.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            outside.escalate();
            outside.escalate();
        });
        endless(&token, Ok, stuck).unwrap_err()
    });
    assert!(matches!(error, EngineError::Aborted), "{error}");
}

#[test]
fn a_failed_source_is_not_taken_for_the_end_of_the_stream() {
    let error = in_time(|| {
        run(&CancelToken::new(), |scope| {
            let (numbers, source) = scope.channel("numbers", 8);
            scope.stage("source", move |_| {
                numbers.send(1)?;
                Err(DiskFull(1).into())
            });
            scope.stage("sink", move |_| {
                assert_eq!(source.recv()?, Some(1));
                // The sender may already be gone while the error is not yet known.
                assert_eq!(source.recv(), Err(Stopped));
                Ok(())
            });
        })
        .unwrap_err()
    });
    assert!(error.to_string().starts_with("disk full"), "{error}");
}

#[test]
fn a_channel_dropped_without_a_word_is_reported() {
    let error = in_time(|| {
        run(&CancelToken::new(), |scope| {
            let (numbers, source) = scope.channel::<u64>("numbers", 1);
            scope.stage("source", move |_| {
                let _unclosed = &numbers;
                Ok(())
            });
            scope.stage("sink", move |_| {
                while source.recv()?.is_some() {}
                Ok(())
            });
        })
        .unwrap_err()
    });
    assert!(matches!(&error, EngineError::CutOff { stage } if stage == "sink"), "{error}");
}

#[test]
fn a_panic_while_building_is_an_error_too() {
    let error = in_time(|| {
        run(&CancelToken::new(), |scope| {
            let (_numbers, source) = scope.channel::<u64>("numbers", 1);
            scope.stage("sink", move |_| {
                while source.recv()?.is_some() {}
                Ok(())
            });
            panic!("no portrait");
        })
        .map(|((), report)| report)
        .unwrap_err()
    });
    assert!(error.to_string().ends_with("no portrait"), "{error}");
}

#[test]
fn busy_and_waiting_times_are_told_apart() {
    let report = in_time(|| {
        let ((), report) = run(&CancelToken::new(), |scope| {
            let (slow, fast) = scope.channel("ticks", 1);
            scope.stage("slow", move |_| {
                for n in 0..10 {
                    std::thread::sleep(Duration::from_millis(10));
                    slow.send(n)?;
                }
                slow.close();
                Ok(())
            });
            scope.stage("fast", move |_| {
                while fast.recv()?.is_some() {}
                Ok(())
            });
        })
        .unwrap();
        report
    });
    let (slow, fast) = (report.stage("slow").unwrap(), report.stage("fast").unwrap());
    assert!(slow.busy >= Duration::from_millis(100) && slow.busy > slow.waited, "{slow:?}");
    assert!(fast.waited >= Duration::from_millis(80) && fast.busy < fast.waited, "{fast:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn order_and_bound_hold_under_random_delays(
        workers in 1usize..6,
        delays_us in proptest::collection::vec(0u64..600, 1..120),
    ) {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let next = AtomicU64::new(0);
        run(&CancelToken::new(), |scope| {
            let (numbers, source) = scope.channel("numbers", 1);
            let (results, done) = scope.channel("results", 1);
            let (delays_us, under_way, most, next) = (&delays_us, &under_way, &most, &next);
            scope.stage("source", move |_| {
                for item in delays_us.iter().enumerate() {
                    numbers.send(item)?;
                }
                numbers.close();
                Ok(())
            });
            let work = |_: &mut (), (n, delay_us): (usize, &u64)| {
                most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(*delay_us));
                Ok(n as u64)
            };
            scope.fan_out("work", workers, source, results, |_| Ok(()), work);
            scope.stage("sink", move |_| {
                while let Some(n) = done.recv()? {
                    assert_eq!(n, next.fetch_add(1, Ordering::SeqCst));
                    under_way.fetch_sub(1, Ordering::SeqCst);
                }
                Ok(())
            });
        })
        .unwrap();
        prop_assert_eq!(next.into_inner(), delays_us.len() as u64);
        // 2 per worker, one with the thread that keeps the order, one in the channel, one just received.
        prop_assert!(most.into_inner() <= 2 * workers + 3);
    }
}
