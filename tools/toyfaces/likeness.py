"""Do painted frames show who they shall? By the recogniser's cosines: frames with portraits, frames with frames."""

import itertools

import numpy as np


def rounded(number):
    return round(float(number), 3)


def likeness(portraits, clips, names):
    """Of unit vectors: `portraits` (P, 512), `clips` P times (N, 512) of the same persons, who are called `names`.

    Like is compared with like: frames with frames of the same clip and with frames of others, never with a mean, which
    is nearer to each of its frames than any frame is.
    """
    tables = [frames @ portraits.T for frames in clips]
    nearest = [float((table.argmax(1) == at).mean()) for at, table in enumerate(tables)]
    within = [(frames @ frames.T)[np.triu_indices(len(frames), 1)] for frames in clips]
    pairs = list(itertools.combinations(range(len(clips)), 2))
    between = np.concatenate([(clips[a] @ clips[b].T).ravel() for a, b in pairs])
    own = np.concatenate([table[:, at] for at, table in enumerate(tables)])
    other = np.concatenate([np.delete(table, at, axis=1).ravel() for at, table in enumerate(tables)])
    alike = max(pairs, key=lambda pair: portraits[pair[0]] @ portraits[pair[1]])
    loosest, lost = int(np.argmin([pair.min() for pair in within])), int(np.argmin(nearest))
    within = np.concatenate(within)
    return {
        "persons": len(clips), "frames of each": len(clips[0]),
        "nearest to their own portrait": rounded(np.mean(nearest)),
        "the person with the fewest": [names[lost], rounded(nearest[lost])],
        "frames of a clip": {"5 %": rounded(np.percentile(within, 5)), "median": rounded(np.median(within)),
                             "least": [names[loosest], rounded(within.min())]},
        "frames of two persons": {"median": rounded(np.median(between)), "95 %": rounded(np.percentile(between, 95)),
                                  "largest": rounded(between.max())},
        "with the own portrait": {"5 %": rounded(np.percentile(own, 5)), "median": rounded(np.median(own))},
        "with others' portraits": {"median": rounded(np.median(other)), "95 %": rounded(np.percentile(other, 95))},
        "portraits most alike": [names[alike[0]], names[alike[1]], rounded(portraits[alike[0]] @ portraits[alike[1]])],
    }  # fmt: skip
