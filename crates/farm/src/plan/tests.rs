//! Plans that are read back, and plans that are refused.

use super::*;

/// A plan of two shots that are painted, and three pieces.
pub(crate) fn painted() -> Plan {
    let name = |digit: &str| digit.repeat(32);
    let plan = Plan {
        moue_farm: VERSION,
        id: String::new(),
        program: moue_film::program(),
        storyboard: "film.yaml".to_owned(),
        results: "plan.farm".to_owned(),
        film: FilmPlan {
            frames: 30,
            size: [64, 64],
            rate: "25".to_owned(),
            renderer: "diffusion".to_owned(),
            codec: "h264".to_owned(),
            draft: false,
            only: Vec::new(),
        },
        drawing: Recipe { device: "auto".to_owned(), ..Recipe::default() },
        inputs: Inputs {
            name: vec!["film.yaml".to_owned(), "../me.png".to_owned()],
            at: vec!["film.yaml".to_owned(), "plan.farm/inputs/a.png".to_owned()],
            sha256: vec!["1".repeat(64), "2".repeat(64)],
            seconds: vec![None, None],
        },
        models: Models::default(),
        shots: Shots {
            name: vec!["one".to_owned(), "two".to_owned()],
            inputs: vec![vec![1], vec![1]],
            painted: vec![Some(name("a")), Some(name("b"))],
            rest: vec![None, Some(name("c"))],
        },
        pieces: Pieces { end: vec![10, 20, 30], shot: vec![0, 1, 1], name: vec![name("1"), name("2"), name("3")] },
        phases: vec![
            Phase {
                work: Work::Paint,
                shot: vec![0, 0, 1],
                first: vec![0, 8, 0],
                count: vec![8, 7, 15],
                cost: vec![800, 700, 1500],
            },
            Phase { work: Work::Film, shot: vec![], first: vec![0, 2], count: vec![2, 1], cost: vec![20, 10] },
        ],
        sample: None,
    };
    plan.sealed().0
}

fn resealed(change: impl FnOnce(&mut Plan)) -> Result<Plan, PlanProblem> {
    let mut plan = painted();
    change(&mut plan);
    Plan::parse(plan.sealed().1.as_bytes())
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let plan = painted();
    let text = plan.clone().sealed().1;
    assert_eq!(Plan::parse(text.as_bytes()).unwrap(), plan);
    // Other white space is the same plan.
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(matches!(Plan::parse(b"{}"), Err(PlanProblem::Damaged(_))));
    assert_eq!(value["phases"][0]["work"], "paint");
    assert_eq!(plan.tasks(), 5);
    assert_eq!(plan.phases().map(|(_, range)| range).collect::<Vec<_>>(), [0..3, 3..5]);
    let (painting, filming) = (plan.task(1).unwrap(), plan.task(4).unwrap());
    assert_eq!((painting.shot, painting.first, plan.frames(&painting)), (Some(0), 8, 7));
    assert_eq!((filming.work, filming.first, plan.frames(&filming)), (Work::Film, 2, 10));
    assert_eq!(plan.frames(&plan.task(3).unwrap()), 20);
    assert_eq!(plan.task(5), None);
    assert_eq!(plan.cost(), Some(Duration::from_millis(3030)));
    assert_eq!(plan.shots_of(&painting), "shot one, its frames 8 to 14");
    assert_eq!(plan.shots_of(&filming), "shot two, frames 20 to 29 of the film");
    assert!(plan.shots_of(&plan.task(3).unwrap()).starts_with("shots one to two"));
}

#[test]
fn a_plan_that_was_changed_is_refused() {
    let text = painted().sealed().1;
    for (from, to) in [
        ("\"draft\":false", "\"draft\":true"),
        ("\"first\":[0,8,0]", "\"first\":[0,9,0]"),
        ("\"results\":\"plan.farm\"", "\"results\":\"other.farm\""),
    ] {
        assert!(text.contains(from));
        assert!(matches!(Plan::parse(text.replace(from, to).as_bytes()), Err(PlanProblem::Changed)), "{to}");
    }
    let later = text.replace("\"moue_farm\":1", "\"moue_farm\":2");
    assert!(matches!(Plan::parse(later.as_bytes()), Err(PlanProblem::Version { found: 2, expected: 1 })));
    for damaged in ["", "[]", "{\"moue_farm\":1}", &text[..text.len() / 2], &text.replace("\"id\"", "\"ids\"")] {
        assert!(matches!(Plan::parse(damaged.as_bytes()), Err(PlanProblem::Damaged(_))));
    }
}

#[test]
fn a_plan_that_fits_its_checksum_and_not_itself_is_refused() {
    let wrong = |change: fn(&mut Plan)| match resealed(change) {
        Err(PlanProblem::Damaged(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(wrong(|plan| plan.inputs.at[1] = "../me.png".to_owned()).contains("../me.png"));
    assert!(wrong(|plan| plan.inputs.at[1] = "/etc/passwd".to_owned()).contains("/etc/passwd"));
    assert!(wrong(|plan| plan.results = "..".to_owned()).contains("no path within"));
    assert!(wrong(|plan| plan.pieces.name[0] = "../../x".to_owned()).contains("name"));
    assert!(wrong(|plan| plan.pieces.end = vec![10, 5, 30]).contains("pieces"));
    assert!(wrong(|plan| plan.inputs.seconds.clear()).contains("columns of `inputs`"));
    assert!(wrong(|plan| plan.phases[0].shot[0] = 7).contains("shot"));
    assert!(wrong(|plan| (plan.phases[0].first[1], plan.phases[0].count[1]) = (2, u64::MAX)).contains("no work"));
    assert!(wrong(|plan| plan.phases[1].first[1] = 1).contains("do not make the film"));
    assert!(wrong(|plan| plan.phases[1].count[1] = 9).contains("do not make the film"));
    assert!(wrong(|plan| plan.shots.inputs[0] = vec![9]).contains("input"));
    assert!(wrong(|plan| plan.inputs.sha256[0] = "12".to_owned()).contains("`12` is no SHA-256"));
    assert!(wrong(|plan| plan.inputs.sha256[0] = "ä".repeat(32)).contains("no SHA-256"));
    assert!(wrong(|plan| plan.models = models("../x")).contains("`../x` is no SHA-256"));
    assert!(wrong(|plan| plan.models.side = Some(0)).contains("that no picture has"));
    assert!(wrong(|plan| plan.film.size = [0, 64]).contains("0x64 pixels"));
    assert!(wrong(|plan| plan.film.size = [64, 8193]).contains("64x8193 pixels"));
    assert!(wrong(|plan| plan.phases[0].count[1] = 1 << 40).contains("more than a film has"));
    assert!(wrong(|plan| (plan.film.frames, plan.pieces.end[2]) = (1 << 40, 1 << 40)).contains("expected at most"));
    assert!(wrong(|plan| plan.phases[0].cost = vec![u64::MAX; 3]).contains("longer than can be counted"));
}

fn models(sha256: &str) -> Models {
    Models { side: Some(64), file: vec!["a".to_owned()], sha256: vec![sha256.to_owned()] }
}

#[test]
fn a_plan_of_a_hundred_thousand_tasks_is_small_and_quick() {
    let mut plan = painted();
    let tasks = 100_000u64;
    let phase = &mut plan.phases[0];
    phase.shot = vec![0; tasks as usize];
    phase.first = (0..tasks).map(|task| task * 16).collect();
    phase.count = vec![16; tasks as usize];
    phase.cost = vec![123_456; tasks as usize];
    let text = plan.sealed().1;
    assert!(text.len() < 4_000_000, "{}", text.len());
    assert_eq!(Plan::parse(text.as_bytes()).unwrap().tasks(), tasks + 2);
}
