"""A resumable training loop: AdamW, warm-up and cosine decay, weight averaging.

Every step draws its data from a generator that is seeded by the step's number, so a run that was cut
and resumed has the bits of one that was not.
"""

import json
import math
import os
import time
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Plan:
    """How one stage is trained."""

    seed: int  # of the stage; a step's generator is seeded by both
    steps: int  # of the rate's whole decay
    batch: int
    rate: float  # the highest learning rate
    floor: float = 0.02  # the lowest, as a share of the highest
    warm_up: int = 300  # steps
    decay: float = 0.9995  # of the weight average
    narrow: bool = False  # bfloat16 pays here, where the processor computes in it
    until: int | None = None  # the training ends after this step, before the decay does

    @property
    def last(self):
        return self.steps if self.until is None else min(self.steps, self.until)


class Average:
    """The running average of a model's weights, the ones that are used in the end."""

    def __init__(self, model, decay):
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model, step):
        decay = min(self.decay, (1 + step) / (10 + step))
        state = model.state_dict()
        keys = [key for key in state if state[key].is_floating_point()]
        torch._foreach_lerp_([self.weights[k] for k in keys], [state[k] for k in keys], 1 - decay)


def write(path, content):
    """Saves tensors all or nothing: a cut at any moment leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class Trainer:
    """Runs a plan over named models; saves every few minutes and resumes where it was cut.

    The folder holds last.pt (everything a resumed run needs), log.jsonl, and, when the plan is done,
    final.pt: the averaged weights by name.  run: what the command says (log, bfloat16, save_seconds).
    """

    def __init__(self, folder, models, plan, run):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.models, self.plan, self.run = folder, models, plan, run
        self.narrow = plan.narrow and run.bfloat16
        self.parameters = [p for m in models.values() for p in m.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=plan.rate, betas=(0.9, 0.98),
                                           weight_decay=0.01, fused=True)
        self.averages = {name: Average(m, plan.decay) for name, m in models.items()}
        self.step, self.recent, self.seconds = 0, [], 0.0
        if (folder / "last.pt").exists():
            self._resume()

    @property
    def progress(self):
        """The share of the steps that are done."""
        return self.step / self.plan.steps

    def autocast(self):
        return torch.autocast("cpu", torch.bfloat16, enabled=self.narrow)

    def steps(self):
        """Yields a generator for every step that is left; the caller ends each with `update`."""
        for model in self.models.values():
            model.train()
        saved, mark = time.monotonic(), time.process_time()
        while self.step < self.plan.last:
            yield torch.Generator().manual_seed(self.plan.seed * 1_000_000 + self.step)
            self.step += 1
            now, spent = time.monotonic(), time.process_time()
            self.seconds, mark = self.seconds + spent - mark, spent
            if self.step % self.run.log_every == 0 or self.step == self.plan.last:
                self._log()
            if now - saved > self.run.save_seconds or self.step == self.plan.last:
                self.save()
                saved = now
        write(self.folder / "final.pt", {name: a.weights for name, a in self.averages.items()})

    def update(self, loss, **figures):
        plan = self.plan
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / plan.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate * min(1.0, (self.step + 1) / plan.warm_up) * max(cosine, plan.floor)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        for name, model in self.models.items():
            self.averages[name].update(model, self.step)
        self.recent.append({"loss": float(loss.detach()), **figures})

    def summary(self):
        """What the stage's figures say of the training itself."""
        return {"steps": self.step, "batch": self.plan.batch, "bfloat16": self.narrow,
                "core_hours": round(self.seconds / 3600, 2)}

    def save(self):
        write(self.folder / "last.pt", {
            "plan": vars(self.plan), "bfloat16": self.narrow, "step": self.step, "recent": self.recent,
            "seconds": self.seconds, "optimiser": self.optimiser.state_dict(),
            "models": {name: m.state_dict() for name, m in self.models.items()},
            "averages": {name: a.weights for name, a in self.averages.items()}})

    def _resume(self):
        state = torch.load(self.folder / "last.pt")
        found = {**state["plan"], "bfloat16": state["bfloat16"]}
        wanted = {**vars(self.plan), "bfloat16": self.narrow}
        if found != wanted:
            raise SystemExit(f"{self.folder}: was begun with {found}; expected {wanted}")
        self.step, self.recent, self.seconds = state["step"], state["recent"], state["seconds"]
        self.optimiser.load_state_dict(state["optimiser"])
        for name, model in self.models.items():
            model.load_state_dict(state["models"][name])
            self.averages[name].weights = state["averages"][name]
        self.run.log(f"resumed at step {self.step}")

    def _log(self):
        found = {}
        for figures in self.recent:
            for name, value in figures.items():
                found.setdefault(name, []).append(value)
        mean = {name: round(sum(values) / len(values), 5) for name, values in found.items()}
        line = json.dumps({"step": self.step, "of": self.plan.last, **mean, "seconds": round(self.seconds)})
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(line + "\n")
        self.run.log(line)
        self.recent = []
