"""What people can ask for, declared once: the words for it, who may ask, and what must come with it.

Reading is bounded: a message is cut to `MAX_HEARD_CHARS`, normalised (NFKC, so full-width digits count), and
matched whole against a few anchored patterns. Whether the person *may* is decided in the use cases (A8); the audience
here only keeps staff words out of a tenant's help and suggestions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, lru_cache

import regex

from bot.conversations.inbound import MAX_HEARD_CHARS
from bot.conversations.topic import topics
from bot.conversations.vocabulary import A_ROOM, Ask, Audience, Intent, Wants

_MY = r"(?:帮我|请|我要|我想|给我)?"
_BASIC: tuple[Intent, ...] = (
    Intent(
        name="balance",
        of_staff="find",
        hints=(
            r"余额|还(?:能|可以|够)[用撑]|能(?:用|撑)(?:几天|多久)|剩(?:下|余)?(?:多少)?[钱电]",
            r"[停断没]了?电|跳闸|灯(?:不亮|灭|都?黑)|黑灯",
            r"how (?:long|many days) .*(?:last|left)|run out|balance|(?:days|credit|money) (?:\w+ )?left",
            r"\b(?:power|electricity|lights?) .*\b(?:out|off|gone|back)\b|in the dark",
        ),
        audience=Audience.TENANT,
        commands=("balance", "余额", "电费"),
        phrases=(
            rf"{_MY}(?:查询|查一下|查|看看|看)?(?:我的|当前|账户|电费)?余额(?:还?有?多少|是多少|查询)?",
            r"(?:我)?(?:还剩下?|剩余|还有)(?:多少|几)(?:钱|块钱|电费|度电|电)",
            r"(?:check |show |see )?(?:my |the )?(?:current )?balance",
            r"what(?:'s| is) my balance",
            r"how much (?:money |credit |power |electricity )?(?:do i have|have i got|have i|is|i have)(?: left)?",
            # Whoever sits in the dark asks why; the answer is the balance with the reason beside the supply.
            r"(?:我家|我这|家里)?(?:为什么|为啥|怎么|咋)(?:会)?(?:没有?电|停电|断电|跳闸)了?",
            r"(?:我家|我这|家里)?(?:没有?电|停电|断电|跳闸)(?:了|了吗|了?怎么办|了?怎么回事|了?是为什么)",
            r"(?:我家|我这|家里)?没有?电",
            r"why (?:is|are|has|have) (?:my |the )?(?:power|electricity|lights?) (?:gone |been )?(?:cut )?(?:off|out)",
            r"why (?:is there|do i have|have i) no (?:power|electricity|light)",
            r"(?:my |the |our )?(?:power|electricity|lights?) (?:is|are|went|has gone|have gone) (?:off|out)",
            r"(?:there is |i have )?no (?:power|electricity)",
        ),
    ),
    Intent(
        name="recharge",
        of_staff="cash",
        hints=(
            r"(?<!不)充(?![电满])|缴费|[交付](?:电|水)?费",
            r"top[ -]?up|recharge|add (?:some )?(?:money|credit)|how (?:can|do) i pay",
        ),
        audience=Audience.TENANT,
        commands=("recharge", "topup", "pay", "充值", "缴费", "交电费", "充电费"),
        phrases=(
            rf"{_MY}(?:充值|缴费|交电费|充电费|续费)\s*(?P<arg>(?![没未怎为记明流])[^\s].{{0,30}})?",
            r"(?:我要|我想)?[充交]\s*(?P<arg>[\d¥零一二两三四五六七八九十百千万].{0,30})",
            r"(?:top[ -]?up|recharge|pay|add(?= \S*\d))(?: (?:with |by )?(?P<arg>(?!for me).{1,30}))?",
        ),
        wants=Wants.AMOUNT,
    ),
    Intent(
        name="history",
        hints=(
            r"(?:上次|最近|以前|之前|什么时候).{0,8}[充交付缴]|[充交付缴]过",
            r"(?:when|what|did|have) .*(?:i|we) .*\b(?:pay|paid|top)|last (?:payment|top[ -]?up)|transactions",
        ),
        audience=Audience.TENANT,
        commands=("history", "记录", "明细"),
        phrases=(
            rf"{_MY}(?:查询|查|看看|看)?(?:我的|充值|缴费|消费|扣费|账户)?(?:记录|明细|流水)",
            r"(?:show |see )?(?:my )?(?:history|payments?|transactions?)",
        ),
    ),
    Intent(
        name="accounts",
        hints=(
            r"(?:其他|其它|别的|另一个|另外)(?:的)?(?:房间|账户)",
            r"(?:other|another) (?:room|account|flat|apartment)",
        ),
        audience=Audience.TENANT,
        commands=("accounts", "switch", "账户", "切换", "我的房间"),
        phrases=(
            r"(?:切换|更换|选择|换)(?:账户|房间|电表)",
            r"(?:switch|change|choose) (?:account|room)",
            r"my (?:accounts|rooms)",
        ),
    ),
    Intent(
        name="use",
        audience=Audience.TENANT,
        commands=("use",),
        wants=Wants.ACCOUNT,
        in_help=False,
    ),
    Intent(
        name="bind",
        audience=Audience.ANYONE,
        commands=("bind", "绑定"),
        phrases=(r"绑定(?:房间|账户|电表)?\s*(?P<arg>[a-z0-9]{4,12})?", r"bind(?: (?:code )?(?P<arg>[a-z0-9]{4,12}))?"),
        wants=Wants.CODE,
    ),
    Intent(
        name="unbind",
        hints=(
            r"解绑|解除绑定|取消绑定",
            r"unbind|(?:remove|disconnect) .*(?:room|account)",
        ),
        audience=Audience.TENANT,
        commands=("unbind", "解绑", "解除绑定"),
        phrases=(r"(?:解绑|解除绑定|取消绑定)(?:房间|账户|电表)?", r"unbind(?: (?:my )?(?:room|account))?"),
    ),
    Intent(
        name="overview",
        hints=(
            r"总览|概览|所有房间|全部房间",
            r"overview|all (?:the )?rooms|how is (?:everything|the building)",
        ),
        audience=Audience.STAFF,
        commands=("overview", "总览", "概览"),
        phrases=(r"(?:全部|所有)?(?:总览|概览|一览|房间情况)", r"(?:show )?(?:the )?overview"),
        wants=Wants.PAGE,
    ),
    Intent(
        name="find",
        gist=str,
        hints=(
            rf"{A_ROOM}$",
            rf"{A_ROOM}.*(?:余额|还剩|还有多少|欠|[停没]了?电|断了?电.|为什么|怎么|情况|状态)",
            r"(?:balance|power|supply) (?:of|for|in|at) .*\d|how much (?:does|has|did) .*\d",
            r"(?:is|why is) (?:room |flat )?\d",
        ),
        audience=Audience.STAFF,
        commands=("find", "查找", "查房"),
        phrases=(
            r"(?:查找|查房|找)\s*(?P<arg>(?!人工|管理员|物业|房东|客服|别人)[^\s].{0,40})",
            r"find (?P<arg>.{1,40})",
        ),
        wants=Wants.ROOM,
    ),
    Intent(
        name="cut",
        gist=str,
        hints=(rf"{A_ROOM}(?:断电|拉闸|切断)$",),
        audience=Audience.STAFF,
        commands=("cut", "断电", "停电", "拉闸"),
        phrases=(
            r"(?:断电|停电|拉闸|切断)(?!通知|公告|计划)\s*(?P<arg>[^\s].{0,40})",
            r"cut(?: off)? (?P<arg>.{1,40})",
            r"(?:switch|turn) (?P<arg>(?:room |flat )?\S*\d\S*) off",
            r"(?:switch|turn) off (?P<arg>(?:the power (?:of|in|at) |room |flat )*\S*\d.{0,30})",
        ),
        wants=Wants.ROOM,
    ),
    Intent(
        name="restore",
        gist=str,
        hints=(rf"{A_ROOM}(?:送电|恢复供电|恢复|合闸|通电)$",),
        audience=Audience.STAFF,
        commands=("restore", "送电", "恢复", "合闸"),
        phrases=(
            r"(?:送电|恢复供电|恢复|合闸|通电)\s*(?P<arg>[^\s].{0,40})",
            r"(?:restore|reconnect) (?P<arg>.{1,40})",
            r"(?:switch|turn) (?P<arg>(?:room |flat )?\S*\d\S*) (?:back )?on",
            r"(?:switch|turn) on (?P<arg>(?:the power (?:of|in|at) |room |flat )*\S*\d.{0,30})",
        ),
        wants=Wants.ROOM,
    ),
    Intent(
        name="protect",
        audience=Audience.STAFF,
        commands=("protect", "保电"),
        phrases=(r"(?:保电|保护供电|保护)\s*(?P<arg>[^\s].{0,40})", r"protect (?P<arg>(?!my ).{1,40})"),
        wants=Wants.ROOM,
    ),
    Intent(
        name="release",
        audience=Audience.STAFF,
        commands=("release", "解除保电", "解除"),
        phrases=(r"(?:解除保电|取消保电|解除保护)\s*(?P<arg>[^\s].{0,40})", r"release (?P<arg>.{1,40})"),
        wants=Wants.ROOM,
    ),
    Intent(
        name="code",
        audience=Audience.STAFF,
        commands=("code", "绑定码", "发码"),
        phrases=(r"(?:绑定码|发码|生成绑定码)\s*(?P<arg>[^\s].{0,40})", r"(?:bind )?code (?:for )?(?P<arg>.{1,40})"),
        wants=Wants.ROOM,
    ),
    Intent(
        name="language",
        audience=Audience.ANYONE,
        commands=("language", "lang", "语言"),
        phrases=(
            r"(?:切换|更换|设置)?语言\s*(?P<arg>中文|英文|汉语|英语|english|chinese)?",
            r"(?P<arg>中文|英文|english|chinese)",
            r"(?:请)?(?:说|讲|用|换成?|切换[到成]?|改[成为]?)(?P<arg>中文|英文|汉语|英语)(?:吧)?",
            r"(?:please )?(?:speak|talk|use|in|switch to)(?: in)? (?P<arg>english|chinese)(?: please)?",
            r"(?:change |switch )?language(?: (?:to )?(?P<arg>english|chinese|中文|zh|en))?",
        ),
        wants=Wants.LANGUAGE,
    ),
    Intent(
        name="help",
        audience=Audience.ANYONE,
        commands=("help", "帮助", "菜单", "menu"),
        phrases=(
            r"(?:帮助|菜单|怎么用|使用说明|你能做什么)",
            r"(?:help|menu|what can you do|how does this work)",
            r"[?]",
        ),
    ),
    Intent(
        name="start",
        audience=Audience.ANYONE,
        commands=("start", "你好"),
        phrases=(r"(?:你好|您好|嗨|在吗)", r"(?:hi|hello|hey)(?: there)?"),
        wants=Wants.CODE,
        in_help=False,
    ),
    Intent(
        name="cancel",
        audience=Audience.ANYONE,
        commands=("cancel", "取消", "stop"),
        phrases=(r"(?:取消|算了|不用了|不要了|退出)", r"(?:cancel|stop|never ?mind|forget it|quit|exit)"),
    ),
)
_YES = re.compile(r"(?:是的?|好的?|确认|确定|对|可以|行|同意|agree|yes|y|ok|okay|confirm|sure)")
_NO = re.compile(
    r"(?:不(?:是|要|用|行|对|[充付交缴搬退断改加发借])?了?吧?|否|别|no|n|nope|no,? thanks|no,? thank you|not now|don't)"
)
_LETTERS_OF_A_NAME = frozenset({"n"})
_KINDS = re.compile(
    r"(?:an? |the |my |new )*(?:meter|room|flat|account|payment|supply|power|lock|receipt)s?"
    r"|一?个?(?:房间|房子|账户|电表|水表)"
)
_SPACES = re.compile(r"\s+")
_TAIL = "。.!！?？,，;；~…、 "
_SUGGEST_CHARS = 24
BEGINNINGS_KEPT = 1_000
"""For so many first characters it is remembered which phrases begin with them."""


@cache
def intents() -> tuple[Intent, ...]:
    """All that can be asked for: the basics here and those of every topic. Earlier ones win where phrases overlap."""
    return (*_BASIC, *(intent for topic in topics() for intent in topic.intents))


@cache
def by_name() -> Mapping[str, Intent]:
    """Every intent by its name."""
    return {intent.name: intent for intent in intents()}


@cache
def _by_command() -> Mapping[str, Intent]:
    return {command: intent for intent in intents() for command in intent.commands}


@cache
def _phrases() -> tuple[tuple[str, Intent], ...]:
    return tuple((phrase, intent) for intent in intents() for phrase in intent.phrases)


@cache
def _beginnings() -> tuple[regex.Pattern[str], ...]:
    """The phrases for a question that `re` cannot answer: whether a message that begins so may still become one."""
    return tuple(regex.compile(phrase) for phrase, _ in _phrases())


@lru_cache(maxsize=BEGINNINGS_KEPT)
def _may_be(first: str) -> re.Pattern[str]:
    """The phrases that a message with this first character may be."""
    return _pattern(tuple(n for n, begun in enumerate(_beginnings()) if begun.fullmatch(first, partial=True)))


@cache
def _pattern(numbers: tuple[int, ...]) -> re.Pattern[str]:
    """These phrases in one pattern and in their order: read at once they take a fraction."""
    return re.compile(
        "|".join(
            f"(?:{_phrases()[number][0].replace('(?P<arg>', f'(?P<a{number}>')})(?P<p{number}>)" for number in numbers
        )
        or "(?!)"
    )


def normal(text: str) -> str:
    """One way to write what can be written in many: NFKC, lower case, single spaces, no closing punctuation."""
    plain = unicodedata.normalize("NFKC", text[:MAX_HEARD_CHARS])
    plain = _SPACES.sub(" ", plain).strip().replace("’", "'").casefold()
    return plain.rstrip(_TAIL) or plain[:1]


def read(text: str) -> Ask | None:
    """The intent behind a message, or None. Never raises."""
    plain = normal(text)
    if plain.startswith("/"):
        return _command(plain[1:])
    match = _may_be(plain[0]).fullmatch(plain) if plain else None
    if match is None or match.lastgroup is None:
        return _command(plain)
    number = match.lastgroup[1:]
    phrase, intent = _phrases()[int(number)]
    argument = match[f"a{number}"] if "(?P<arg>" in phrase else ""
    return Ask(intent=intent, argument=_named((argument or "").strip()))


def read_action(action: str) -> Ask | None:
    """The intent behind a pressed button: "name" or "name:argument"."""
    name, _, argument = action.partition(":")
    intent = by_name().get(name)
    return None if intent is None else Ask(intent=intent, argument=argument)


def is_yes(text: str) -> bool:
    """Whether a message plainly agrees."""
    return _YES.fullmatch(normal(text)) is not None


def is_no(text: str) -> bool:
    """Whether a message plainly declines."""
    return _NO.fullmatch(normal(text)) is not None


def leaves(text: str) -> bool:
    """Whether it declines a question that wants words, a name among them."""
    return is_no(text) and normal(text) not in _LETTERS_OF_A_NAME


def offered(*, tenant: bool, staff: bool) -> tuple[Intent, ...]:
    """The intents that help names to such a person."""
    audiences = {Audience.ANYONE, *([Audience.TENANT] * tenant), *([Audience.STAFF] * staff)}
    return tuple(intent for intent in intents() if intent.in_help and intent.audience in audiences)


def nearest(text: str, *, staff: bool) -> str | None:
    """The command that was probably meant, for "did you mean", or None."""
    word = normal(text).lstrip("/")[:_SUGGEST_CHARS].split(" ")[0]
    known = [command for intent in offered(tenant=True, staff=staff) for command in intent.commands]
    close = get_close_matches(word, known, n=1, cutoff=0.6) if word else []
    return close[0] if close else None


def intent_of_command(command: str) -> Intent | None:
    """The intent that a command word belongs to."""
    return _by_command().get(command)


def is_command(text: str) -> bool:
    """Whether the whole of it is a command's word."""
    return normal(text) in _by_command()


def _command(plain: str) -> Ask | None:
    """Reads "recharge 100" and, as group chats write it, "recharge@our_bot 100"."""
    word, _, argument = plain.partition(" ")
    intent = _by_command().get(word.split("@")[0])
    if intent is not None and intent.name == "help" and " " in argument:
        # "Help me, the socket is broken" asks for people.
        return None
    return None if intent is None else Ask(intent=intent, argument=_named(argument.strip()))


def _named(argument: str) -> str:
    """Nothing where a command is followed by a kind of thing instead of the thing: "replace a meter"."""
    return "" if _KINDS.fullmatch(argument) else argument
