use proptest::prelude::*;

use super::*;

fn easing(text: &str) -> Easing {
    text.parse().unwrap()
}

/// The curve by its definition: the parameter is found by halving alone, and the point by de Casteljau's construction.
fn by_definition([x1, y1, x2, y2]: [f64; 4], x: f64) -> f64 {
    let mix = |a: f64, b: f64, t: f64| (1.0 - t) * a + t * b;
    let point = |a: f64, b: f64, t: f64| {
        let (p, q, r) = (mix(0.0, a, t), mix(a, b, t), mix(b, 1.0, t));
        mix(mix(p, q, t), mix(q, r, t), t)
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if point(x1, x2, middle) < x {
            low = middle;
        } else {
            high = middle;
        }
    }
    point(y1, y2, 0.5 * (low + high))
}

/// The spring by its law of motion: x'' = w^2 (1 - x) - 2 z w x', in small steps of Runge and Kutta.
fn by_law_of_motion(bounce: f64) -> Vec<f64> {
    const STEPS: usize = 20_000;
    let damping = 1.0 - bounce;
    let frequency = 1000.0f64.ln() / damping;
    let force = |x: f64, v: f64| frequency * frequency * (1.0 - x) - 2.0 * damping * frequency * v;
    let h = 1.0 / STEPS as f64;
    let (mut x, mut v) = (0.0, 0.0);
    let mut positions = vec![x];
    for _ in 0..STEPS {
        let (x1, v1) = (v, force(x, v));
        let (x2, v2) = (v + 0.5 * h * v1, force(x + 0.5 * h * x1, v + 0.5 * h * v1));
        let (x3, v3) = (v + 0.5 * h * v2, force(x + 0.5 * h * x2, v + 0.5 * h * v2));
        let (x4, v4) = (v + h * v3, force(x + h * x3, v + h * v3));
        x += h / 6.0 * (x1 + 2.0 * x2 + 2.0 * x3 + x4);
        v += h / 6.0 * (v1 + 2.0 * v2 + 2.0 * v3 + v4);
        positions.push(x);
    }
    let last = positions[STEPS];
    positions.iter().step_by(STEPS / 100).map(|x| x / last).collect()
}

#[test]
fn the_named_curves_are_those_of_css() {
    let named = [
        ("ease", [0.25, 0.1, 0.25, 1.0]),
        ("ease-in", [0.42, 0.0, 1.0, 1.0]),
        ("ease-out", [0.0, 0.0, 0.58, 1.0]),
        ("ease-in-out", [0.42, 0.0, 0.58, 1.0]),
    ];
    for (name, points) in named {
        for step in 0..=1000 {
            let u = f64::from(step) / 1000.0;
            let (found, expected) = (easing(name).at(u), by_definition(points, u));
            assert!((found - expected).abs() < 1e-9, "{name} at {u}: {found} {expected}");
        }
    }
    assert!((easing("ease").at(0.5) - 0.802_403_387).abs() < 1e-6);
    assert_eq!(easing("linear").at(0.3), 0.3);
}

#[test]
fn springs_obey_their_law_of_motion() {
    for bounce in [0.0, 0.1, 0.35, 0.6, 0.8] {
        let spring = easing(&format!("spring({bounce})"));
        for (step, expected) in by_law_of_motion(bounce).into_iter().enumerate() {
            let found = spring.at(step as f64 / 100.0);
            assert!((found - expected).abs() < 1e-6, "{bounce} at {step}: {found} {expected}");
        }
    }
    let most = |text: &str| (0..1000).map(|step| easing(text).at(f64::from(step) / 1000.0)).fold(0.0, f64::max);
    assert!(most("spring(0)") <= 1.0 + 1e-9);
    assert!((1.02..1.2).contains(&most("spring")), "{}", most("spring"));
    assert!(most("spring(0.8)") > 1.4);
}

#[test]
fn staircases_jump_where_css_says() {
    let at = |text: &str| [0.0, 0.24, 0.26, 0.5, 0.76, 0.999, 1.0].map(|u| easing(text).at(u));
    let third = 1.0 / 3.0;
    assert_eq!(at("steps(4)"), [0.0, 0.0, 0.25, 0.5, 0.75, 0.75, 1.0]);
    assert_eq!(at("steps(4, jump-start)"), [0.25, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    assert_eq!(at("steps(4, jump-none)"), [0.0, 0.0, third, 2.0 / 3.0, 1.0, 1.0, 1.0]);
    assert_eq!(at("steps(4 jump-both)"), [0.2, 0.2, 0.4, 0.6, 0.8, 0.8, 1.0]);
    assert_eq!(at("hold"), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(at("step-end"), at("hold"));
    assert_eq!(at("step-start"), [1.0; 7]);
}

#[test]
fn other_texts_are_refused_with_a_reason() {
    let error = |text: &str| text.parse::<Easing>().unwrap_err().to_string();
    assert_eq!(error("ease-inout"), "easing 'ease-inout': unknown\nhint: did you mean 'ease-in-out'?");
    assert!(error("fast").contains("hint: use linear, ease, ease-in, "));
    assert!(error("bounce(3)").contains("unknown"));
    assert!(error("cubic-bezier(0.3").ends_with("hint: inside { } a comma ends a value: put it in quotes"));
    assert!(error("cubic-bezier(1, 2, 3)").contains("expected four numbers"));
    assert!(error("cubic-bezier(1.2, 0, 1, 1)").contains("expected numbers from 0 to 1"));
    assert!(error("cubic-bezier(0, inf, 1, 1)").contains("expected finite numbers"));
    assert!(error("cubic-bezier").contains("expected arguments"));
    assert!(error("steps(0)").contains("expected 1 to 1000 steps"));
    assert!(error("steps(1, jump-none)").contains("at least 2"));
    assert!(error("steps(3, middle)").contains("unknown place to jump"));
    assert!(error("spring(0.9)").contains("from 0 to 0.8"));
    assert!(error("spring(NaN)").contains("from 0 to 0.8"));
    assert!(error("").contains("unknown"));
}

proptest! {
    #[test]
    fn curves_agree_with_their_definition(x1 in 0.0..=1.0f64, y1 in -2.0..3.0f64, x2 in 0.0..=1.0f64, y2 in -2.0..3.0f64, u in 0.0..=1.0f64) {
        let curve = Easing::CubicBezier(CubicBezier::new(x1, y1, x2, y2).unwrap());
        // Where the curve is almost upright, a rounding of time is a visible change of the value for any method.
        prop_assume!(x1 - x2 < 0.9);
        prop_assert!((curve.at(u) - by_definition([x1, y1, x2, y2], u)).abs() < 1e-6);
    }

    #[test]
    fn every_easing_begins_at_0_and_arrives_at_1(easing in easings(), u in -1.0..2.0f64) {
        prop_assert_eq!(easing.at(1.0), 1.0);
        prop_assert_eq!(easing.at(-0.1), 0.0);
        prop_assert_eq!(easing.at(f64::NAN), 0.0);
        prop_assert!(easing.at(u).is_finite());
        if !matches!(easing, Easing::Steps(_)) {
            prop_assert!(easing.at(0.0).abs() < 1e-12);
            prop_assert!((easing.at(1.0 - 1e-9) - 1.0).abs() < 0.05);
        }
    }

    #[test]
    fn display_parses_back(easing in easings()) {
        prop_assert_eq!(easing.to_string().parse::<Easing>(), Ok(easing));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "(cubic-bezier|steps|spring|ease|[-(),. 0-9a-z]){0,6}") {
        let _ = text.parse::<Easing>();
    }
}

fn easings() -> impl Strategy<Value = Easing> {
    let curve = (0.0..=1.0f64, -2.0..3.0f64, 0.0..=1.0f64, -2.0..3.0f64);
    let jump = prop::sample::select(vec!["jump-start", "jump-end", "jump-none", "jump-both"]);
    prop_oneof![
        Just(Easing::Linear),
        prop::sample::select(Easing::NAMES.to_vec()).prop_map(easing),
        curve.prop_map(|(x1, y1, x2, y2)| Easing::CubicBezier(CubicBezier::new(x1, y1, x2, y2).unwrap())),
        (2u32..50, jump).prop_map(|(count, jump)| easing(&format!("steps({count}, {jump})"))),
        (0.0..=0.8f64).prop_map(|bounce| Easing::Spring(Spring { bounce })),
    ]
}
