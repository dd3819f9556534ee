"""Counts how many subscribe messages a person has agreed to: WeChat asks for a yes for each, and never tells the count.

A program reports what the person answered; a message that goes out uses one up; WeChat's own no sets the count right.
A wrong report therefore costs one refused call and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from prepaid.domain.access import Actor
from prepaid.domain.errors import Refused
from prepaid.ports import Business

MOST_LEFT = 100


class Answer(StrEnum):
    """What `wx.requestSubscribeMessage` says of one template."""

    ACCEPT = "accept"
    REJECT = "reject"
    BAN = "ban"
    """WeChat has taken the template away."""
    FILTER = "filter"
    """WeChat did not ask: another template has the same title."""


async def report_answers(
    business: Business, actor: Actor, answers: Mapping[str, Answer], templates: Collection[str]
) -> Mapping[str, int]:
    """Counts the answers of the actor; returns what is left. Raises `Refused("refused.template_unknown")`."""
    if not set(answers) <= set(templates):
        raise Refused("refused.template_unknown")
    for template, answer in answers.items():
        if answer is Answer.ACCEPT:
            await business.store.quotas.add(actor.id, template, MOST_LEFT)
        if answer is Answer.BAN:
            await business.store.quotas.clear(actor.id, template)
    return await show_quotas(business, actor)


async def show_quotas(business: Business, actor: Actor) -> Mapping[str, int]:
    """How many messages the actor has still agreed to, by template."""
    return await business.store.quotas.of_person(actor.id)
