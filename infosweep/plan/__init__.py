"""What will be done: study -> cells -> trials -> packs, content ids, cost; plain data, nothing heavy."""

from infosweep.plan.checkpoints import checkpoints_of
from infosweep.plan.cost import Estimate
from infosweep.plan.make import Plan, make_plan
from infosweep.plan.packs import pack_from_json, pack_to_json
from infosweep.plan.trial import Pack, Trial
from infosweep.plan.trials import trial_from_content, trials_of

__all__ = [
    "Estimate",
    "Pack",
    "Plan",
    "Trial",
    "checkpoints_of",
    "make_plan",
    "pack_from_json",
    "pack_to_json",
    "trial_from_content",
    "trials_of",
]
