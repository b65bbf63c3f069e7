"""The rules of reconciliation, one module for each subject, and the table of all of them."""

from manifest.reconcile.rule import Rule
from manifest.reconcile.rules import capacity, duplicates, haste, journeys, silence, stock, weights

RULES: dict[str, Rule] = {
    rule.id: rule
    for module in (stock, journeys, weights, capacity, silence, duplicates, haste)
    for rule in module.RULES
}
