"""English requests: the same actions, said in another language.

Owns: English patterns, over text in which names of the estate are masked ("□"), and the rewriting
of English verbs that change something into the Korean forms that ``verbs`` weighs, so that
"do not restart" and "restarted" are judged by one set of rules. Must not know targets.
"""

from __future__ import annotations

import re

_VERBS = (
    ("재기동", r"restart|re-start|bounce"),
    ("배포", r"deploy|redeploy|roll\s?out"),
    ("롤백", r"roll(?:ed|ing)?\s?back|revert"),
    ("중지", r"stop(?:p)?|shut(?:ting)?\s?down"),
    ("기동", r"start"),
)
_NEVER = (
    r"(?:do\s?n[o']?t|do\s+not|never|no\s+need\s+to|without|should\s?n[o']?t|should\s+not"
    r"|must\s+not"
    r"|not\s+to|nobody|no\s+one|no|instead\s+of|rather\s+than)"
)
_ONLY_ASKED = (
    r"(?:i|we|they|you)\s+(?:might|may|could)|(?:can|may|should|could|shall)\s+(?:i|we|they|he|she)|what\s+(?:happens|if)"
    r"|is\s+it\s+(?:ok|okay|safe)"
    r"|how\s+(?:do|can|to|long)|if\s+(?:i|we|they|you)|(?:i|we|they|he|she)\s*(?:will|'ll"
    r"|is\s+going\s+to|are\s+going\s+to"
    r"|plan(?:s|ned)?\s+to|want(?:s|ed)\s+to|had\s+to)|who|when|why"
)
_OBJECT = r"(?:\s+(?:it|the|any|this|that|a|an|please|[\w□]+)){0,3}?\s+"


def in_korean(text: str) -> str:
    """The text with verbs that are denied, past or only asked about in Korean forms."""
    text = re.sub(r"\bbounce\b", "restart", text)
    for korean, verb in _VERBS:
        text = re.sub(
            (
                rf"\b(?:the|a|an|this|that|last|latest|previous)\s+(?:{verb})\b(?!\s*(?:해"
                rf"|부탁|진행|좀))"
            ),
            f" {korean}했 ",
            text,
        )
        text = re.sub(rf"\b(?:{verb})\s+(?:is|was)\s*(?:not|n't)\b", f" {korean}하지마 ", text)
        text = re.sub(
            rf"\b(?:{verb})\s+(?:is|was|has|took|takes|failed|counter|required|needed|count|scheduled|planned|window|at\s+\d|will|went|did|finished|completed|succeeded)\b",
            f" {korean}했 ",
            text,
        )
        text = re.sub(rf"\b{_NEVER}{_OBJECT}(?:{verb})(?:ing|ed)?\b", f" {korean}하지마 ", text)
        text = re.sub(
            rf"\b(?:{_ONLY_ASKED})\b[^.!?\n]{{0,40}}?\b(?:{verb})(?:s|ed|ing)?\b",
            f" {korean}하면 ",
            text,
        )
        text = re.sub(rf"\b(?:{verb})(?:ed|s|ing)\b", f" {korean}했 ", text)
    text = re.sub(r"\bdeploy(?:ment)?s?\s+(?:history|log|list)\b", " 배포이력 ", text)
    # "the deployment looks good", but "deployment 부탁"
    return re.sub(r"\b(?:deployment|rollout)s?\b(?!\s*(?:해|부탁|진행|좀))", " 배포했 ", text)


_SAY = r"(?:show|list|give|tell|get|what|which|display|print|see|any)"
RULES: tuple[tuple[str, str], ...] = (
    ("help", r"^\s*(?:help|usage|what can (?:you do|i ask)|how do i use you|commands?)\W*$"),
    ("list_approval_rules", rf"{_SAY}\b.{{0,30}}\bapproval (?:rule|polic)|who approves"),
    ("list_schedules", rf"{_SAY}\b.{{0,30}}\b(?:schedules|scheduled|recurring)\b"),
    (
        "cancel_task",
        r"\b(?:cancel|abort|withdraw)\b.{0,40}\b(?:task|job|request|deployment|j\d{6}-\w+)",
    ),
    (
        "list_tasks",
        rf"{_SAY}\b.{{0,30}}\b(?:running|pending|active|open|current)?\s?(?:tasks|jobs)\b",
    ),
    (
        "run_pipeline",
        r"\b(?:trigger|run|start|launch|kick off)\b.{0,40}\b(?:pipeline|jenkins|ansible|awx)\b",
    ),
    ("create_ticket", r"\b(?:create|open|file|raise)\b.{0,30}\b(?:ticket|incident)\b"),
    ("sr_timeline", r"\btimeline\b"),
    (
        "sr_list",
        (
            rf"(?:{_SAY}|open|remaining|pending)\b.{{0,40}}\b(?:srs|service requests)\b"
            r"|(?:open|remaining|pending) srs?\b"
        ),
    ),
    (
        "deploy_history",
        (
            r"\b(?:deploy(?:ment|s|ments)?|release)\s+(?:history|log|list)"
            r"|history of (?:deploy|release)"
            r"|\b(?:what|who|when)\b.{0,30}\bdeployed\b|(?:last|latest"
            r"|recent) deployments?\b(?!.{0,20}\bback\b)"
        ),
    ),
    (
        "search_audit",
        (
            r"\baudit (?:log|trail|entr|record)|\bwho (?:restarted|stopped|started"
            r"|approved|changed|touched|rolled back|deleted|killed)"
        ),
    ),
    (
        "security_audit",
        r"\bsecurity (?:audit|check|scan|review)|\bopen ports\b|\blocked accounts?\b",
    ),
    (
        "ssl_expiry_detector",
        (
            r"\b(?:cert(?:ificate)?s?|ssl|tls)\b.{0,50}\b(?:expir\w*|valid\w*|days|left"
            r"|check|when)"
            r"|\b(?:when|check|how long)\b.{0,30}\b(?:cert(?:ificate)?s?|ssl|tls)\b"
        ),
    ),
    (
        "config_integrity_check",
        r"\bintegrity\b|\bconfig\w*\b.{0,20}\b(?:changed|tampered|modified)\b",
    ),
    ("esb_channel_monitor", r"\bqueue\s?(?:depth|length|size|status)|\bchannel listeners?\b"),
    (
        "link_tx_tracker",
        (
            r"\b(?:stuck|failed|unprocessed|fail)\b.{0,20}(?:transaction|interface|tx|건)"
            r"|\binterface\b.{0,12}\bfail"
        ),
    ),
    (
        "cron_health_checker",
        r"\bcron(?:tab|s| jobs)?\b.{0,30}\b(?:health|ok|running|ran|status|check)",
    ),
    (
        "list_sessions",
        (
            r"\bwho(?:'s| is| are)?\b.{0,12}\b(?:logged\s?(?:in|on)|connected|online)\b"
            r"|\blogin sessions\b"
        ),
    ),
    (
        "check_db_status",
        (
            r"\b(?:block(?:ing|ed)|lock(?:s|ed)?|deadlocks?)\b.{0,40}(?:session|db|database|□|$)"
            r"|\b(?:db|database)\b.{0,20}\b(?:status|sessions?|connections?|locks?)\b"
            r"|\bdb connections\b"
        ),
    ),
    (
        "backup_db",
        (
            r"\b(?:take|make|run|do|create|start)\b.{0,24}\b(?:backup|dump)\b"
            r"|\bback up\b.{0,30}\b(?:db|database)\b"
        ),
    ),
    (
        "monitor_resources",
        (
            r"(?<!of )\b(?:cpu|memory|ram|load|heap)\b.{0,20}\b(?:usage|use|of|on|is|status"
            r"|high)\b|\b(?:cpu|memory) usage\b"
        ),
    ),
    (
        "check_disk_space",
        r"\b(?:disk|filesystem)\b.{0,20}\b(?:space|usage|free|full|left|of|on)\b|\bdf -h\b",
    ),
    (
        "server_info",
        rf"(?:{_SAY}|is)\b.{{0,20}}\b(?:ip|hostname|specs?|os version|server info|servers)\b",
    ),
    (
        "access_guide",
        (
            r"\bhow (?:do|can|to)\b.{0,20}\b(?:access|connect|log ?in|get (?:into|access)"
            r"|reach|ssh)\b|\b(?:access|vpn|firewall) (?:guide|procedure|request)\b"
        ),
    ),
    (
        "collect_target_logs",
        (
            rf"(?:{_SAY}|fetch|pull|grep|tail|search|collect|find|last)\b.{{0,50}}\blogs?\b"
            r"|\blogs?\b.{0,20}\b(?:for|from|of)\b"
        ),
    ),
    (
        "check_infra_health",
        (
            r"\bhealth\b|\bping\b|\balive\b|\b(?:is|are)\b.{0,50}\b(?:up|down|running"
            r"|reachable|ok)\b|\bstatus of\b"
        ),
    ),
)


def english_action(text: str) -> str | None:
    """The action an English text asks for; None where it is not English, or asks to change."""
    english, korean = len(re.findall(r"[a-z]", text)), len(re.findall(r"[가-힣]", text))
    if not english or korean > english:
        return None
    return next((action for action, pattern in RULES if re.search(pattern, text)), None)
