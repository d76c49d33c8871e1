//! Configurations and the tokenizer of a synthetic folder.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scale;
use crate::PROMPT;

/// What diffusers and transformers would write, by the path in the folder.
pub(super) fn configs(scale: Scale) -> Vec<(&'static str, Value)> {
    let tiny = scale == Scale::Tiny;
    let unet = json!({
        "_class_name": "UNet2DConditionModel",
        "act_fn": "silu",
        "attention_head_dim": if tiny { 2 } else { 8 },
        "block_out_channels": if tiny { vec![8, 16] } else { vec![320, 640, 1280, 1280] },
        "center_input_sample": false,
        "cross_attention_dim": hidden(scale),
        "down_block_types": names(scale, "CrossAttnDownBlock2D", "DownBlock2D"),
        "downsample_padding": 1,
        "flip_sin_to_cos": true,
        "freq_shift": 0,
        "in_channels": 4,
        "layers_per_block": if tiny { 1 } else { 2 },
        "mid_block_scale_factor": 1,
        "norm_eps": 1e-5,
        "norm_num_groups": if tiny { 4 } else { 32 },
        "out_channels": 4,
        "sample_size": if tiny { 8 } else { 64 },
        "up_block_types": names(scale, "CrossAttnUpBlock2D", "UpBlock2D").into_iter().rev().collect::<Vec<_>>(),
    });
    let encoder = json!({
        "hidden_act": "quick_gelu",
        "hidden_size": hidden(scale),
        "intermediate_size": if tiny { 16 } else { 3072 },
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 77,
        "model_type": "clip_text_model",
        "num_attention_heads": if tiny { 8 } else { 12 },
        "num_hidden_layers": if tiny { 1 } else { 12 },
        "vocab_size": vocabulary_size(scale),
    });
    let vae = json!({
        "_class_name": "AutoencoderKL",
        "act_fn": "silu",
        "block_out_channels": if tiny { vec![4, 8, 8, 8] } else { vec![128, 256, 512, 512] },
        "down_block_types": vec!["DownEncoderBlock2D"; 4],
        "in_channels": 3,
        "latent_channels": 4,
        "layers_per_block": if tiny { 1 } else { 2 },
        "norm_num_groups": if tiny { 4 } else { 32 },
        "out_channels": 3,
        "sample_size": if tiny { 64 } else { 512 },
        "scaling_factor": 0.18215,
        "up_block_types": vec!["UpDecoderBlock2D"; 4],
    });
    let scheduler = json!({
        "_class_name": "PNDMScheduler",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "clip_sample": false,
        "num_train_timesteps": 1000,
        "set_alpha_to_one": false,
        "skip_prk_steps": true,
        "steps_offset": 1,
        "trained_betas": null,
    });
    vec![
        ("arc2face/config.json", unet),
        ("encoder/config.json", encoder),
        ("vae/config.json", vae),
        ("scheduler/scheduler_config.json", scheduler),
    ]
}

/// Width of the text model. Not below the face vector's.
fn hidden(scale: Scale) -> usize {
    match scale {
        Scale::Tiny => crate::FACE_VECTOR,
        Scale::Sd15 => 768,
    }
}

/// Block types from the finest level to the coarsest, which has no attention.
fn names(scale: Scale, with: &'static str, without: &'static str) -> Vec<&'static str> {
    let attending = if scale == Scale::Tiny { 1 } else { 3 };
    let mut names = vec![with; attending];
    names.push(without);
    names
}

/// How many tokens the text model knows.
fn vocabulary_size(scale: Scale) -> usize {
    match scale {
        Scale::Tiny => pieces().0.len() + MARKS.len(),
        // CLIP's. The synthetic tokenizer makes use of few of them.
        Scale::Sd15 => 49_408,
    }
}

const MARKS: [&str; 2] = ["<|startoftext|>", "<|endoftext|>"];
const WORD_END: &str = "</w>";

/// Contents of `vocab.json` and `merges.txt`: all small letters, and the words of the prompt. The marks of start and
/// end are the last two tokens, as in CLIP.
pub(super) fn tokenizer(scale: Scale) -> (String, String) {
    let (pieces, merges) = pieces();
    let mut vocabulary: BTreeMap<String, usize> = pieces.into_iter().zip(0..).collect();
    let first_mark = vocabulary_size(scale) - MARKS.len();
    vocabulary.extend(MARKS.map(str::to_owned).into_iter().zip(first_mark..));
    (json!(vocabulary).to_string(), format!("#version: 0.2\n{}\n", merges.join("\n")))
}

/// Tokens but for the marks, and the merges that make the longer ones.
fn pieces() -> (Vec<String>, Vec<String>) {
    let letters = || ('a'..='z').map(String::from);
    let mut pieces: Vec<String> = letters().chain(letters().map(|letter| letter + WORD_END)).collect();
    let mut merges = Vec::new();
    for word in PROMPT.split(' ') {
        let mut joined = String::new();
        for (i, letter) in word.char_indices() {
            let mut next = letter.to_string();
            if i + letter.len_utf8() == word.len() {
                next += WORD_END;
            }
            let merge = format!("{joined} {next}");
            joined += &next;
            if i > 0 && !pieces.contains(&joined) {
                merges.push(merge);
                pieces.push(joined.clone());
            }
        }
    }
    (pieces, merges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_join_the_words_of_the_prompt_letter_by_letter() {
        let (pieces, merges) = pieces();
        assert_eq!(merges[..4], ["p h", "ph o", "pho t", "phot o</w>"]);
        for word in PROMPT.split(' ') {
            assert!(pieces.contains(&format!("{word}</w>")), "{word}");
        }
        let distinct: std::collections::BTreeSet<_> = pieces.iter().collect();
        assert_eq!(distinct.len(), pieces.len());
    }
}
