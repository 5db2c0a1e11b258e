"""The sampler against the case: expected values under the documented laws beside what a sample shows.

Expected values come from the parameters of the case alone, by formulas of their own; nothing of the sampler is used to
find them, so that a mistake there shows. The formulas are in ``docs/scenario_quality.md``.
"""
