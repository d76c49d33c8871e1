use moue_media::LiveSettings;
use moue_preview::PreviewAddress;
use moue_timeline::{Expression, FlameExpression, FrameRate};

use super::*;

#[test]
fn a_stream_that_fails_while_the_page_waits_ends_the_run() {
    // Nothing listens at the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = LiveOutput::parse(&format!("rtmp://127.0.0.1:{port}/live/key")).unwrap();
    let settings = LiveSettings { fail_fast: true, ..LiveSettings::default() };
    let page = Some(PreviewAddress::parse("preview://").unwrap());
    let job = LiveJob { streams: vec![(output, settings)], page, ..LiveJob::default() };
    let programme = Programme {
        title: String::new(),
        renderer: "mesh",
        frames: Some(1),
        channels: Vec::new(),
        pose: None,
        files: Vec::new(),
        is_live: false,
    };
    let format = VideoFormat::new(64, 64, FrameRate::FPS_25);
    let broadcast = Broadcast::open(&job, &format, &[], programme, &()).unwrap().unwrap();
    let token = CancelToken::new();
    let began = Instant::now();
    let plays_again = Broadcast::around(Some(&broadcast), &(), &token, || {
        let asked = Asked { index: 0, expression: Expression::NEUTRAL, flame: FlameExpression::NEUTRAL };
        let frame = Arc::new(RgbImage::new(64, 64));
        moue_engine::run(&token, |scope| {
            scope.stage("hand out", |stage| {
                broadcast.show(stage, &asked, &frame)?;
                Ok(())
            });
        })
        .unwrap();
        // It would wait for ever.
        let guard = token.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(30));
            guard.escalate();
        });
        broadcast.plays_again(&token)
    });
    assert!(!plays_again && !token.is_finishing(), "after {:?}", began.elapsed());
    let failure = broadcast.summaries()[0].failure.clone().unwrap();
    assert!(failure.contains("nothing listens"), "{failure}");
}
