//! Kubernetes: an Indexed Job for each phase, and a Job that joins.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, ResourceRequirements,
    SecretEnvSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{code, quoted};
use crate::Plan;

/// What the container and the volume are called.
const CONTAINER: &str = "moue";
const VOLUME: &str = "film";
/// The most completions of an Indexed Job.
const MOST: u64 = 100_000;
/// The most pods at the same time that an Indexed Job may ask for.
const MOST_AT_ONCE: u64 = 10_000;

/// What is known of a Job: nothing where it is not there, else `job:` and the conditions that hold.
const STATE: &str = r#"state() {
    ask get job "$1" --ignore-not-found -o 'jsonpath=job:{.status.conditions[?(@.status=="True")].type}'
}
"#;

/// Gives the cluster a Job, whose manifest is read.
const BEGIN: &str = r#"begin() {
    local manifest now
    manifest=$(cat)
    now=$(state "$1")
    case "$now" in
        *Fail*)
            echo "$1 had failed, and is begun anew"
            ask delete job "$1" --ignore-not-found --cascade=foreground --wait=true
            ;;
        job:*)
            echo "$1 is there, and goes on"
            return
            ;;
    esac
    ask apply -f - <<<"$manifest"
}
"#;

/// Waits for a Job. A cluster that does not answer may answer again.
const FINISH: &str = r#"finish() {
    local now silent=0
    while true; do
        if now=$(state "$1"); then
            silent=0
            case "$now" in
                *Complete*)
                    return
                    ;;
                *Fail*)
                    echo "$1 failed: kubectl describe job $1" >&2
                    exit 1
                    ;;
                job:*) ;;
                *)
                    echo "$1 is gone: somebody deleted it" >&2
                    exit 1
                    ;;
            esac
        else
            silent=$((silent + 1))
            if [ "$silent" -ge 10 ]; then
                echo "the cluster does not answer" >&2
                exit 1
            fi
        fi
        sleep 5
    done
}
"#;

/// How tasks are run by Kubernetes.
#[derive(Clone, Debug)]
pub struct KubernetesJob {
    /// The container image.
    pub image: String,
    /// The program in the image.
    pub program: String,
    /// The plan's address, as containers find it.
    pub plan: String,
    /// More options for each task.
    pub options: Vec<String>,
    /// The film that is joined at the end, as containers find it, and more options for that.
    pub film: Option<(String, Vec<String>)>,
    /// What the Jobs' names begin with.
    pub name: String,
    /// The namespace; the context's where there is none.
    pub namespace: Option<String>,
    /// A PersistentVolumeClaim and where it is mounted.
    pub volume: Option<(String, String)>,
    /// A Secret whose entries are the credentials' environment variables.
    pub secret: Option<String>,
    /// Cores of a task.
    pub cpus: u32,
    /// Memory of a task, such as `8Gi`.
    pub memory: String,
    /// The resource of a GPU; `nvidia.com/gpu` by default.
    pub gpu: String,
    /// The most tasks that run at the same time.
    pub at_once: Option<u32>,
    /// How often a task is begun before it is given up.
    pub attempts: u32,
}

/// The Jobs of a plan in their order. All but those of the first phase are suspended: Kubernetes knows no order of Jobs, so
/// each phase is resumed when the one before is complete, as [`KubernetesJob::follow`] does.
pub fn kubernetes(job: &KubernetesJob, plan: &Plan) -> Vec<Vec<Job>> {
    let mut phases = Vec::new();
    for (work, range) in plan.phases() {
        let mut jobs = Vec::new();
        for (chunk, first) in (range.start..range.end).step_by(MOST as usize).enumerate() {
            let count = MOST.min(range.end - first);
            let suffix = if range.end - range.start > MOST { format!("-{chunk}") } else { String::new() };
            let mut words = vec![job.program.clone(), "farm".into(), "task".into(), job.plan.clone()];
            words.extend(["--offset".to_owned(), first.to_string()]);
            words.extend(job.options.iter().cloned());
            let name = format!("{}-{}{suffix}", job.name, work.name());
            jobs.push(job.indexed(name, words, count, plan.wants_gpu(work), !phases.is_empty()));
        }
        if !jobs.is_empty() {
            phases.push(jobs);
        }
    }
    if let Some((film, options)) = &job.film {
        let mut words = vec![job.program.clone(), "farm".into(), "join".into(), job.plan.clone()];
        words.extend(["-o".to_owned(), film.clone()]);
        words.extend(options.iter().cloned());
        phases.push(vec![job.indexed(format!("{}-join", job.name), words, 1, false, !phases.is_empty())]);
    }
    phases
}

impl KubernetesJob {
    /// The Jobs as YAML, for `kubectl apply -f -`.
    ///
    /// # Errors
    /// What the writer of YAML says.
    pub fn yaml(&self, phases: &[Vec<Job>]) -> Result<String, String> {
        let mut text = String::new();
        for job in phases.iter().flatten() {
            text += "---\n";
            text += &serde_yaml::to_string(job).map_err(|error| error.to_string())?;
        }
        Ok(text)
    }

    /// A script that gives the Jobs to the cluster, for `bash` with `kubectl`. It may be started again at any time: a Job
    /// that is there goes on as it is, since to apply it again would suspend it, and one that failed is begun anew.
    ///
    /// # Errors
    /// What the writer of YAML says.
    pub fn begin(&self, phases: &[Vec<Job>]) -> Result<String, String> {
        let mut script = self.head() + BEGIN;
        for job in phases.iter().flatten() {
            let name = job.metadata.name.as_deref().unwrap_or_default();
            let yaml = serde_yaml::to_string(job).map_err(|error| error.to_string())?;
            let _ = write!(script, "begin {name} <<'MOUE_JOB'\n{yaml}MOUE_JOB\n");
        }
        Ok(script)
    }

    /// A script that resumes phase after phase, for `bash` with `kubectl`; it may be started again at any time.
    pub fn follow(&self, phases: &[Vec<Job>]) -> String {
        let mut script = self.head() + FINISH;
        for (number, jobs) in phases.iter().enumerate() {
            let names: Vec<&str> = jobs.iter().filter_map(|job| job.metadata.name.as_deref()).collect();
            for name in &names {
                if number > 0 {
                    let patch = r#"'{"spec":{"suspend":false}}'"#;
                    let _ = writeln!(script, "ask patch job {name} --type=merge -p {patch}");
                }
            }
            for name in &names {
                let _ = writeln!(script, "finish {name}");
            }
        }
        script
    }

    /// What both scripts begin with.
    fn head(&self) -> String {
        let namespace = self.namespace.as_ref().map(|name| format!(" -n {}", quoted(name))).unwrap_or_default();
        format!("#!/bin/bash\nset -euo pipefail\nask() {{ kubectl{namespace} \"$@\"; }}\n{STATE}")
    }

    fn indexed(&self, name: String, words: Vec<String>, tasks: u64, gpu: bool, is_waiting: bool) -> Job {
        let quantity = |text: &str| Quantity(text.to_owned());
        let mut limits = BTreeMap::from([("memory".to_owned(), quantity(&self.memory))]);
        if gpu {
            limits.insert(self.gpu.clone(), quantity("1"));
        }
        let requests = BTreeMap::from([
            ("cpu".to_owned(), quantity(&self.cpus.to_string())),
            ("memory".to_owned(), quantity(&self.memory)),
        ]);
        let container = Container {
            name: CONTAINER.to_owned(),
            image: Some(self.image.clone()),
            command: Some(words),
            env_from: self.secret.as_ref().map(|secret| {
                let secret_ref = Some(SecretEnvSource { name: secret.clone(), optional: Some(false) });
                vec![EnvFromSource { secret_ref, ..EnvFromSource::default() }]
            }),
            resources: Some(ResourceRequirements {
                limits: Some(limits),
                requests: Some(requests),
                ..ResourceRequirements::default()
            }),
            volume_mounts: self.volume.as_ref().map(|(_, path)| {
                vec![VolumeMount { name: VOLUME.to_owned(), mount_path: path.clone(), ..VolumeMount::default() }]
            }),
            ..Container::default()
        };
        let volumes = self.volume.as_ref().map(|(claim, _)| {
            let source = PersistentVolumeClaimVolumeSource { claim_name: claim.clone(), read_only: None };
            vec![Volume { name: VOLUME.to_owned(), persistent_volume_claim: Some(source), ..Volume::default() }]
        });
        let rule = |action: &str| PodFailurePolicyRule { action: action.to_owned(), ..PodFailurePolicyRule::default() };
        let policy = PodFailurePolicy {
            rules: vec![
                // A node that is drained or preempted counts as no attempt.
                PodFailurePolicyRule {
                    on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
                        status: "True".to_owned(),
                        type_: "DisruptionTarget".to_owned(),
                    }]),
                    ..rule("Ignore")
                },
                PodFailurePolicyRule {
                    on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
                        container_name: Some(CONTAINER.to_owned()),
                        operator: "In".to_owned(),
                        values: vec![code::USAGE.into(), code::GIVE_UP.into()],
                    }),
                    ..rule("FailIndex")
                },
            ],
        };
        let labels = BTreeMap::from([
            ("app.kubernetes.io/name".to_owned(), "moue".to_owned()),
            ("app.kubernetes.io/instance".to_owned(), self.name.clone()),
        ]);
        let count = i32::try_from(tasks).unwrap_or(i32::MAX);
        let at_once = self.at_once.map_or(tasks, u64::from).min(tasks).min(MOST_AT_ONCE);
        Job {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: self.namespace.clone(),
                labels: Some(labels.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(JobSpec {
                completion_mode: Some("Indexed".to_owned()),
                completions: Some(count),
                parallelism: i32::try_from(at_once).ok(),
                backoff_limit_per_index: i32::try_from(self.attempts.saturating_sub(1)).ok(),
                pod_failure_policy: Some(policy),
                suspend: is_waiting.then_some(true),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
                    spec: Some(PodSpec {
                        containers: vec![container],
                        // What a failure policy asks for: pods are begun anew, not containers in them.
                        restart_policy: Some("Never".to_owned()),
                        volumes,
                        ..PodSpec::default()
                    }),
                },
                ..JobSpec::default()
            }),
            status: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::painted;

    fn job() -> KubernetesJob {
        KubernetesJob {
            image: "registry.example/moue:1".to_owned(),
            program: "moue".to_owned(),
            plan: "s3://films/a/plan.json".to_owned(),
            options: vec!["--models".to_owned(), "/models".to_owned()],
            film: Some(("/films/a.mp4".to_owned(), vec!["--overwrite".to_owned()])),
            name: "moue-plan".to_owned(),
            namespace: Some("render".to_owned()),
            volume: Some(("films".to_owned(), "/films".to_owned())),
            secret: Some("bucket".to_owned()),
            cpus: 4,
            memory: "8Gi".to_owned(),
            gpu: "nvidia.com/gpu".to_owned(),
            at_once: Some(2),
            attempts: 4,
        }
    }

    #[test]
    fn manifests_say_what_the_plan_does() {
        let phases = kubernetes(&job(), &painted());
        let yaml = job().yaml(&phases).unwrap();
        let documents: Vec<serde_json::Value> = yaml
            .split("---\n")
            .skip(1)
            .map(|text| serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
            .collect();
        let [paint, film, join] = &documents[..] else { panic!("{yaml}") };
        for (document, name) in [(paint, "moue-plan-paint"), (film, "moue-plan-film"), (join, "moue-plan-join")] {
            assert_eq!((&document["apiVersion"], &document["kind"]), (&"batch/v1".into(), &"Job".into()));
            assert_eq!(document["metadata"]["name"], name);
            assert_eq!(document["spec"]["completionMode"], "Indexed");
            assert_eq!(document["spec"]["backoffLimitPerIndex"], 3);
            let rules = document["spec"]["podFailurePolicy"]["rules"].as_array().unwrap();
            assert_eq!(rules[0]["onPodConditions"][0]["type"], "DisruptionTarget");
            assert_eq!((&rules[1]["action"], &rules[1]["onExitCodes"]["values"][1]), (&"FailIndex".into(), &65.into()));
            let pod = &document["spec"]["template"]["spec"];
            assert_eq!((&pod["restartPolicy"], &pod["containers"][0]["name"]), (&"Never".into(), &"moue".into()));
            assert_eq!(pod["containers"][0]["envFrom"][0]["secretRef"]["name"], "bucket");
            assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "films");
        }
        let container = |document: &serde_json::Value| document["spec"]["template"]["spec"]["containers"][0].clone();
        assert_eq!((&paint["spec"]["completions"], &paint["spec"]["parallelism"]), (&3.into(), &2.into()));
        assert_eq!(container(paint)["resources"]["limits"]["nvidia.com/gpu"], "1");
        assert!(container(film)["resources"]["limits"]["nvidia.com/gpu"].is_null());
        assert_eq!(container(film)["command"][5], "3", "the first task of the phase");
        assert_eq!(container(join)["command"][2], "join");
        // Kubernetes has no order of Jobs: later ones wait.
        assert!(paint["spec"]["suspend"].is_null());
        assert_eq!((&film["spec"]["suspend"], &join["spec"]["suspend"]), (&true.into(), &true.into()));
        let script = job().follow(&phases);
        assert!(
            script.contains("kubectl -n render \"$@\"") && script.matches("ask patch job").count() == 2,
            "{script}"
        );
    }

    /// A cluster in a folder: a file for each Job with its conditions, and `log` of what was asked for. A Job that runs is
    /// complete when it has been looked at once.
    const CLUSTER: &str = r#"
        sleep() { :; }
        kubectl() {
            shift 2
            case "$1" in
                get)
                    [ -e "$3" ] || return 0
                    printf 'job:%s' "$(cat "$3")"
                    if [ "$(cat "$3")" = "" ] && [ -e follow ]; then echo Complete >"$3"; fi
                    ;;
                delete) echo "delete $3" >>log; rm "$3" ;;
                patch) echo "patch $3" >>log; echo -n "" >"$3.resumed" ;;
                apply)
                    name=$(sed -n 's/^  name: //p' | head -1)
                    echo "apply $name" >>log
                    : >"$name"
                    ;;
            esac
        }
    "#;

    #[test]
    fn what_is_submitted_again_goes_on_where_it_was() {
        let phases = kubernetes(&job(), &painted());
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let run = |script: &str| {
            let _ = std::fs::remove_file(path("log"));
            let mut command = std::process::Command::new("bash");
            let said = command.args(["-c", &format!("{CLUSTER}{script}")]).current_dir(folder.path()).output().unwrap();
            let log = std::fs::read_to_string(path("log")).unwrap_or_default();
            let log: Vec<String> = log.lines().map(|line| line.replace("moue-plan-", "")).collect();
            (said.status.code(), log.join(", "), String::from_utf8(said.stderr).unwrap())
        };
        let (begin, follow) = (job().begin(&phases).unwrap(), job().follow(&phases));
        assert_eq!(run(&begin), (Some(0), "apply paint, apply film, apply join".to_owned(), String::new()));
        assert_eq!(run(&begin).1, "", "what is there is not applied again");
        std::fs::write(path("moue-plan-film"), "FailureTarget Failed").unwrap();
        std::fs::write(path("moue-plan-paint"), "Complete").unwrap();
        assert_eq!(run(&begin).1, "delete film, apply film");
        std::fs::write(path("moue-plan-film"), "Failed").unwrap();
        let (code, log, said) = run(&follow);
        assert!(code == Some(1) && log == "patch film" && said.contains("moue-plan-film failed"), "{log}: {said}");
        std::fs::remove_file(path("moue-plan-film")).unwrap();
        let (code, _, said) = run(&follow);
        assert!(code == Some(1) && said.contains("moue-plan-film is gone"), "{said}");
        assert_eq!(run(&begin).1, "apply film");
        std::fs::write(path("follow"), "").unwrap();
        assert_eq!(run(&follow), (Some(0), "patch film, patch join".to_owned(), String::new()));
        let (code, _, said) = run(&follow.replace("ask get", "false"));
        assert!(code == Some(1) && said.contains("does not answer"), "{said}");
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same() {
        for job in kubernetes(&job(), &painted()).into_iter().flatten() {
            let text = serde_yaml::to_string(&job).unwrap();
            assert_eq!(serde_yaml::from_str::<Job>(&text).unwrap(), job);
        }
    }
}
