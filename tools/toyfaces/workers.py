"""Several processes that train one network: each has its part of the batch, and all have the mean of the gradients.

On a machine that others keep busy, several processes of one thread each wait less than one process of several threads.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time

import torch
import torch.distributed as distributed


def rank():
    """Of this process among those that train a stage; the first one is 0."""
    return int(os.environ.get("TOYFACES_RANK", 0))


def end_with(first):
    """Ends this process when the first one, which started it, is gone: it would wait for its gradients for long."""
    while os.getppid() == first:
        time.sleep(1)
    os._exit(1)


class Workers:
    """This process among `count`; the first one starts the others, with its own arguments."""

    def __init__(self, count, share):
        self.count, self.share, self.rank = count, share, rank()
        self.used, self.began = time.process_time(), time.time()
        if count == 1:
            return
        if self.rank == 0:
            os.environ["TOYFACES_MEETING"] = tempfile.mktemp(prefix="toyfaces-")
            for other in range(1, count):
                surroundings = os.environ | {"TOYFACES_RANK": str(other), "TOYFACES_FIRST": str(os.getpid())}
                subprocess.Popen([sys.executable, *sys.argv], env=surroundings, start_new_session=True)
        else:
            threading.Thread(target=end_with, args=[int(os.environ["TOYFACES_FIRST"])], daemon=True).start()
        distributed.init_process_group(
            "gloo", f"file://{os.environ['TOYFACES_MEETING']}", rank=self.rank, world_size=count
        )

    def share_weights(self, module):
        """All begin with the first one's."""
        for tensor in module.state_dict().values() if self.count > 1 else []:
            distributed.broadcast(tensor, 0)

    def agree(self, parameters, done, over):
        """Puts the mean gradients into `parameters`; how far all are on average, and whether anyone wants to stop."""
        if self.count == 1:
            return done, over
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads] + [grads[0].new_tensor([done, float(over)])])
        distributed.all_reduce(flat)
        flat /= self.count
        for grad, mean in zip(grads, flat[:-2].split([grad.numel() for grad in grads]), strict=True):
            grad.copy_(mean.view_as(grad))
        return flat[-2].item(), flat[-1].item() > 0

    def core_seconds(self):
        """Of processor time that all workers together have had, taking the others to be as busy as this one."""
        return time.process_time() * self.count

    def rest(self):
        """Sleeps for as long as this process has had more than its share of a core in the last minute or so."""
        used, passed = time.process_time() - self.used, time.time() - self.began
        if used > self.share * passed:
            time.sleep(used / self.share - passed)
        if passed > 60:
            self.used, self.began = time.process_time(), time.time()
