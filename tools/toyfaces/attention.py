"""The attention of the UNet while the adapters are trained: the same arithmetic as diffusers', with three additions.

Text may have fewer rows than the pictures (each row is for a run of them). Cross attention adds what it reads from
expression tokens. Self attention reads, beside its own, the bank of a reference picture, and its matrices carry LoRA.
"""

import math

import torch
from torch.nn.functional import scaled_dot_product_attention


# Before eyelids and jaw.
EXPRESSION_COMPONENTS = 50


class Context:
    """What the layers read in the next pass. `tokens`: (N, k, hidden) or None. `banks`: by layer, (M, pixels, c),
    M dividing N; `sees`: (N,) of bool, which pictures may look at the bank."""

    def __init__(self):
        self.tokens, self.banks, self.sees, self.lora_scale = None, None, None, 1.0
        # How many rows in a row differ in their expression only, and how much their mean's gradient counts.
        self.run, self.mean_share = 1, 1.0


def repeated(rows, count):
    return rows.repeat_interleave(count // len(rows), dim=0) if len(rows) != count else rows


def heads(attn, rows):
    return rows.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


class Cross(torch.nn.Module):
    def __init__(self, attn, context, hidden):
        super().__init__()
        self.context = context
        self.to_k_ip = torch.nn.Linear(hidden, attn.to_k.out_features, bias=False)
        self.to_v_ip = torch.nn.Linear(hidden, attn.to_k.out_features, bias=False)
        # Starts with no effect.
        torch.nn.init.zeros_(self.to_v_ip.weight)

    def forward(self, attn, hidden_states, encoder_hidden_states=None, *_, **__):
        count, text = len(hidden_states), encoder_hidden_states
        q = heads(attn, attn.to_q(hidden_states))
        k, v = repeated(attn.to_k(text), count), repeated(attn.to_v(text), count)
        out = scaled_dot_product_attention(q, heads(attn, k), heads(attn, v))
        if self.context.tokens is not None:
            k, v = (self.contrasted(layer(self.context.tokens)) for layer in (self.to_k_ip, self.to_v_ip))
            out = out + scaled_dot_product_attention(q, heads(attn, k), heads(attn, v))
        return attn.to_out[0](out.transpose(1, 2).flatten(2))


    def contrasted(self, rows):
        """The same numbers; their gradient is that of the differences within a run, and some of that of its mean.

        Most of the gradient is of what the rows of a run have in common and no expression can explain.
        """
        if self.context.run == 1 or not torch.is_grad_enabled():
            return rows
        mean = rows.unflatten(0, (-1, self.context.run)).mean(1).repeat_interleave(self.context.run, dim=0)
        return rows - (1 - self.context.mean_share) * (mean - mean.detach())


class Lora(torch.nn.Module):
    def __init__(self, layer, rank):
        super().__init__()
        self.lora_A = torch.nn.Linear(layer.in_features, rank, bias=False)
        self.lora_B = torch.nn.Linear(rank, layer.out_features, bias=False)
        torch.nn.init.normal_(self.lora_A.weight, std=1 / math.sqrt(layer.in_features))
        torch.nn.init.zeros_(self.lora_B.weight)

    def forward(self, rows):
        return self.lora_B(self.lora_A(rows))


class Own(torch.nn.Module):
    def __init__(self, name, attn, context, rank):
        super().__init__()
        self.name, self.context = name, context
        layers = {"to_q": attn.to_q, "to_k": attn.to_k, "to_v": attn.to_v, "to_out_0": attn.to_out[0]}
        self.lora = torch.nn.ModuleDict({key: Lora(layer, rank) for key, layer in layers.items()})

    def forward(self, attn, hidden_states, *_, **__):
        banks, count = self.context.banks, len(hidden_states)

        def through(key, layer, rows):
            scale = self.context.lora_scale
            return layer(rows) if banks is None else layer(rows) + scale * self.lora[key](rows)

        q = heads(attn, through("to_q", attn.to_q, hidden_states))
        k, v = through("to_k", attn.to_k, hidden_states), through("to_v", attn.to_v, hidden_states)
        if banks is not None:
            # Who may not look sees itself twice, which is the same as once, and needs no mask.
            sees, bank = self.context.sees[:, None, None], banks[self.name]
            other_k = torch.where(sees, repeated(through("to_k", attn.to_k, bank), count), k)
            other_v = torch.where(sees, repeated(through("to_v", attn.to_v, bank), count), v)
            k, v = torch.cat([k, other_k], dim=1), torch.cat([v, other_v], dim=1)
        out = scaled_dot_product_attention(q, heads(attn, k), heads(attn, v))
        return through("to_out_0", attn.to_out[0], out.transpose(1, 2).flatten(2))


@torch.no_grad()
def sharpen(cross, queries, tokens, deviation=1.5):
    """Scales the keys for expression tokens so that the logits differ by `deviation` from place to place.

    The base hardly uses these queries (all its text tokens say the same), so with keys as usual every place would look
    at all tokens alike, and left and right could not be told apart. `queries`: (attention, output of to_q) by layer.
    """
    for layer, (attn, rows) in zip(cross.values(), queries, strict=True):
        logits = heads(attn, rows) @ heads(attn, layer.to_k_ip(tokens)).transpose(-1, -2) * attn.scale
        layer.to_k_ip.weight.mul_(deviation / logits.std(2).mean())


def install(unet, context, hidden, rank):
    """Puts these processors into `unet`; returns those of cross attention by number and of self attention by name.

    The numbers are those of the adapter's file: places in the order of `unet.attn_processors`.
    """
    processors, cross, own = {}, {}, {}
    for number, name in enumerate(unet.attn_processors):
        block = name.removesuffix(".processor")
        attn = unet.get_submodule(block)
        if ".attn1." in name:
            processors[name] = own[block] = Own(block, attn, context, rank)
        else:
            processors[name] = cross[str(number)] = Cross(attn, context, hidden)
    # set_attn_processor would make them parts of the UNet; only the attention layers shall know them.
    for name, processor in processors.items():
        attn = unet.get_submodule(name.removesuffix(".processor"))
        attn.__dict__["processor"] = processor
        attn._modules.pop("processor", None)
    return cross, own


class BankOf:
    """While open, a pass through `unet` leaves the outputs of every block's norm1 in `.banks`."""

    def __init__(self, unet):
        self.unet, self.banks, self.hooks = unet, {}, []

    def __enter__(self):
        for name, module in self.unet.named_modules():
            if name.endswith(".norm1") and ".transformer_blocks." in name:
                block = name.removesuffix("norm1") + "attn1"
                self.hooks.append(module.register_forward_hook(lambda _m, _i, out, block=block: self.keep(block, out)))
        return self

    def keep(self, block, out):
        self.banks[block] = out

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


class ExpressionTokens(torch.nn.Module):
    """The expression adapter's `image_proj`, of the kind that diffusers calls FaceID: (N, 55) -> (N, k, hidden)."""

    def __init__(self, values, hidden, tokens, inner):
        super().__init__()
        self.proj = torch.nn.Sequential(
            torch.nn.Linear(values, inner), torch.nn.GELU(), torch.nn.Linear(inner, tokens * hidden)
        )
        self.norm = torch.nn.LayerNorm(hidden)
        self.tokens, self.hidden = tokens, hidden
        # Lids and radians of the jaw are small numbers, and begin with larger weights.
        with torch.no_grad():
            self.proj[0].weight.mul_(2.0)
            self.proj[0].weight[:, EXPRESSION_COMPONENTS:].mul_(torch.tensor([5.0, 5.0, 10.0, 10.0, 10.0]))
            # Two thirds of a token are the same whatever the values: what tells the tokens apart.
            self.proj[2].bias.mul_(3.0)

    def forward(self, values):
        return self.norm(self.proj(values).unflatten(-1, (self.tokens, self.hidden)))
