"""Makes the goldens of SMIRK, or checks ours against others.

    python3.11 -m venv venv && venv/bin/pip install -r tests/goldens/requirements-smirk.txt
    venv/bin/python tests/goldens/make_smirk.py                             writes smirk/ again
    venv/bin/python tests/goldens/make_smirk.py --check CHECKPOINT GOLDENS  compares with a file

The networks are timm's, put together as the authors' SmirkEncoder is; the crop is that of their demo, by scikit-image.
README.md says what the tensors are. Nothing is downloaded.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import PIL.Image
import timm
import torch
from safetensors.torch import load_file, save_file
from skimage.transform import estimate_transform, warp

HERE = pathlib.Path(__file__).resolve().parent
PORTRAIT = HERE / "../../examples/portraits/astronaut.png"
LANDMARKS = HERE / "../../crates/face/tests/goldens/mediapipe.json"
SIDE, MARGIN = 224, 1.4
SEED = 2404
# Between the starts of two windows; prime, so that rows of any width are shifted inside too.
STEP = 997
TOLERANCE = 1e-5


class Encoder(torch.nn.Module):
    """A backbone without its classifier, the mean of its last feature map, and a linear layer called `layers`."""

    def __init__(self, backbone, layers, outputs):
        super().__init__()
        self.encoder = timm.create_model(backbone, pretrained=False, features_only=True)
        linear = torch.nn.Linear(self.encoder.feature_info[-1]["num_chs"], outputs)
        setattr(self, layers, torch.nn.Sequential(linear))
        self.layers = layers

    def forward(self, images):
        return getattr(self, self.layers)(self.encoder(images)[-1].mean((2, 3)))


class Smirk(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.pose_encoder = Encoder("tf_mobilenetv3_small_minimal_100", "pose_cam_layers", 6)
        self.expression_encoder = Encoder("tf_mobilenetv3_large_minimal_100", "expression_layers", 55)

    def forward(self, images):
        raw = self.expression_encoder(images)
        expression, eyelids, jaw = raw[:, :50], raw[:, 50:52], raw[:, 52:]
        jaw = torch.cat([jaw[:, :1].relu(), jaw[:, 1:].clamp(-0.2, 0.2)], 1)
        return torch.cat([expression, eyelids.clamp(0, 1), jaw], 1), self.pose_encoder(images)

    def load(self, checkpoint):
        prefix = "smirk_encoder."
        ours = {name.removeprefix(prefix): tensor.float() for name, tensor in checkpoint.items()
                if name.startswith(prefix)}
        missing, _ = self.load_state_dict(ours, strict=False)
        if missing:
            sys.exit(f"the checkpoint lacks {missing}")
        return self.eval()


def crop(image, landmarks):
    """As the authors' demo.py cuts a face out."""
    left, top = landmarks[:, :2].min(0)
    right, bottom = landmarks[:, :2].max(0)
    center = np.array([right - (right - left) / 2, bottom - (bottom - top) / 2])
    size = int((right - left + bottom - top) / 2 * MARGIN)
    corners = center + np.array([[-1, -1], [-1, 1], [1, -1]]) * size / 2
    transform = estimate_transform("similarity", corners, np.array([[0, 0], [0, SIDE - 1], [SIDE - 1, 0]]))
    return warp(image, transform.inverse, output_shape=(SIDE, SIDE), preserve_range=True).astype(np.uint8)


def goldens(model, image, landmarks):
    out = {}
    for name, points in landmarks.items():
        cut = torch.from_numpy(crop(image, points.double().numpy()))
        flame, pose = model(cut.permute(2, 0, 1)[None].float() / 255)
        out |= {f"out.smirk.{name}.crop224": cut, f"out.smirk.{name}.flame55": flame, f"out.smirk.{name}.pose6": pose}
    return out


def inputs():
    """The portrait's landmarks, and others: of a small face, and of one that hangs out of the picture."""
    face = torch.tensor(json.loads(LANDMARKS.read_text())["upright"]["landmarks"])
    middle = face.mean(0)
    return {"upright": face, "small": (face - middle) * 0.37 + middle,
            "outside": (face - middle) * 1.7 + torch.tensor([90.0, 60.0, 0.0])}


def checkpoint(crops):
    """Random weights, whose batch norms fit what they are given, in the layout of SMIRK_em1.pt and in f16.

    The convolutions are overlapping windows of one storage, which torch writes once.
    """
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    random = lambda *shape: torch.randn(shape, generator=generator)
    model = Smirk()
    convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    most = max(module.weight.numel() for module in convolutions)
    storage = (random(most + STEP * len(convolutions)) * 0.1).half()
    windows = {}
    for at, module in enumerate(convolutions):
        window = storage[at * STEP:][:module.weight.numel()].view(module.weight.shape)
        windows[id(module.weight)] = window
        module.weight.copy_(window)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
            module.weight.copy_(1 + 0.1 * random(module.num_features))
            module.bias.copy_(0.2 * random(module.num_features))
    # Clamped values that are not all at their limits.
    linear = model.expression_encoder.expression_layers[0]
    linear.weight.copy_(random(*linear.weight.shape) * 0.1)
    linear.weight[50:] *= 0.05
    linear.bias.copy_(0.1 * random(55))
    linear.bias[50:] += torch.tensor([0.5, 1.0, -0.06, 0.0, -0.4])
    model.pose_encoder.pose_cam_layers[0].bias[3] = 7
    model.train()(crops)
    saved = {}
    for name, parameter in model.state_dict(keep_vars=True).items():
        name = f"smirk_encoder.{name}"
        saved[name] = windows.get(id(parameter), parameter.detach())
        if saved[name].is_floating_point():
            saved[name] = saved[name].half()
    # What the file also has, and nobody here asks for.
    saved["smirk_encoder.shape_encoder.shape_layers.0.bias"] = torch.zeros(300).half()
    saved["smirk_generator.final.bias"] = torch.zeros(3).half()
    return saved


def difference(ours, theirs):
    ours, theirs = ours.double(), theirs.double()
    return ((ours - theirs).norm() / theirs.norm()).item()


def check(file, known):
    known = load_file(known)
    image = known["in.image"].numpy() if "in.image" in known else portrait()
    prefix, suffix = "in.smirk.", ".landmarks"
    landmarks = {name.removeprefix(prefix).removesuffix(suffix): tensor for name, tensor in known.items()
                 if name.startswith(prefix) and name.endswith(suffix)}
    ours = goldens(Smirk().load(torch.load(file, map_location="cpu", weights_only=True)), image, landmarks)
    bad = 0
    for name, tensor in ours.items():
        relative = difference(tensor, known[name])
        passed = relative <= TOLERANCE and tensor.shape == known[name].shape
        print(f"{name:32} relative {relative:.2e}{'' if passed else '  DIFFERS'}")
        bad += not passed
    if bad or not ours:
        sys.exit(f"{bad} of {len(ours)} tensors differ")


def portrait():
    return np.asarray(PIL.Image.open(PORTRAIT).convert("RGB"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs=2, metavar=("CHECKPOINT", "GOLDENS"))
    options = parser.parse_args()
    torch.set_num_threads(1)  # one order of summation, whatever the machine
    torch.set_grad_enabled(False)
    if options.check:
        return check(*options.check)
    folder, landmarks, image = HERE / "smirk", inputs(), portrait()
    folder.mkdir(exist_ok=True)
    crops = np.stack([crop(image, points.double().numpy()) for points in landmarks.values()])
    saved = checkpoint(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    torch.save(saved, folder / "SMIRK_em1.pt")
    out = goldens(Smirk().load(saved), image, landmarks)
    clamped = torch.cat([out[f"out.smirk.{name}.flame55"][:, 50:] for name in landmarks])
    print(clamped)
    free = (clamped > -0.2) & (clamped != 0) & (clamped != 0.2) & (clamped != 1)
    if not (free.any() and (~free).any()):
        sys.exit("eyelids and jaw should be at their limits here and there only")
    given = {f"in.smirk.{name}.landmarks": points for name, points in landmarks.items()}
    save_file(given | {name: tensor.contiguous() for name, tensor in out.items()}, folder / "goldens.safetensors")


if __name__ == "__main__":
    main()
