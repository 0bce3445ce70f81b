"""Staff's hand on the games: invoked directly, under a role of its own. Every event names its `actor` and a `reason`.

    {"action": "import", "provider": …, "games": [entry, …]}     take over a provider's list; the same again changes nothing
    {"action": "disable" | "enable", "game_id": …}                one game: no bets, wins are paid
    {"action": "disable" | "enable", "provider": …}               all of a provider's
    {"action": "show"}, {…, "provider": …}, {…, "game_id": …}     the catalogue, one provider's games, one game
    {"action": "round", "player_id": …, "provider": …, "round_id": …}
    {"action": "health"}                                          how each provider answers, and how its circuit stands

A provider whose games are lost (`show` names it) gets them back by the next import; until then it cannot be switched.

Answers ``{"outcome": "done", …}``, or ``{"outcome": "refused", "code": …, "detail": …}`` with `faults` where a list is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from countroom.clock import system_clock
from countroom.games.catalogue import CatalogueUnavailable, Game
from countroom.games.catalogue_store import CatalogueMoved, CatalogueStore, CatalogueTooLarge, ShelfLost
from countroom.games.curator import Curator, Deed, Done, Known
from countroom.games.entries import BadList, is_game_id, is_provider
from countroom.games.health import HealthBoard, HealthUnavailable
from countroom.games.listing import game_view
from countroom.games.round_reader import RoundReader
from countroom.games.rounds import key_of
from countroom.games.rounds_store import RoundsStore, RoundsUnavailable
from countroom.games.snapshot import NoSuchGame, NoSuchProvider, Shelf
from countroom.ledger.chain import ChainBroken, IndexBehind
from countroom.ledger.movements import InvalidReference, is_player_id
from countroom.ledger.store import LedgerStore, StoreBusy
from handlers.parts import staff
from runtime import aws, settings, telemetry
from runtime.circuit import TableCircuit

READ_TIMEOUT_S: Final = 5.0
ACTOR_MAX: Final = 64
REASON_MAX: Final = 200
SHOWN_MAX: Final = 1000

_UNAVAILABLE: Final = (CatalogueUnavailable, HealthUnavailable, RoundsUnavailable, StoreBusy, IndexBehind)


class Refused(Exception):
    """What was asked for is not done, and this is why; no value of the event is repeated."""

    def __init__(self, code: str, detail: str, **more: Any) -> None:
        super().__init__(code)
        self.view = {"outcome": "refused", "code": code, "detail": detail, **more}


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment of this function."""

    games_table: str
    ledger_table: str
    circuits_table: str


Event = Mapping[str, Any]
Answer = dict[str, Any]


@cache
def _settings() -> Settings:
    return settings.load(Settings)


def _client() -> Any:
    return aws.client("dynamodb", read_timeout=READ_TIMEOUT_S)


def _curator() -> Curator:
    return Curator(CatalogueStore(_client(), _settings().games_table), system_clock)


def _import(event: Event, deed: Deed) -> Answer:
    _only(event, "provider", "games")
    provider = _provider(event)
    try:
        done = _curator().import_list(provider, event.get("games"), deed)
    except BadList as bad:
        faults = [{"entry": entry, "fault": fault} for entry, fault in bad.faults]
        raise Refused("bad_list", f"{bad.count} entries are wrong; nothing was imported.", faults=faults) from None
    except CatalogueTooLarge:
        raise Refused("too_large", "The catalogue would become too large; nothing was imported.") from None
    came = done.imported
    counts = (
        {"added": came.added, "changed_games": came.changed, "unchanged": came.unchanged, "removed": came.removed} if came else {}
    )
    return {"imported": {provider: {**_done_view(done), **counts}}}


def _switch(event: Event, deed: Deed, *, enabled: bool) -> Answer:
    if ("game_id" in event) == ("provider" in event):
        raise Refused("invalid_request", "Either game_id or provider must be given.")
    _only(event, "game_id", "provider")
    game_id = _game_id(event) if "game_id" in event else ""
    provider = _provider(event) if "provider" in event else ""
    try:
        return _done_view(_curator().switch(deed, enabled=enabled, provider=provider, game_id=game_id))
    except (NoSuchGame, NoSuchProvider):
        raise Refused("not_found", "The catalogue has no such game or provider.") from None
    except ShelfLost:
        raise Refused("games_lost", "The games of a provider are lost; import its list again.") from None


def _done_view(done: Done) -> Answer:
    return {"version": done.version, "changed": done.changed}


def _show(event: Event, _deed: Deed) -> Answer:
    _only(event, "game_id", "provider")
    known = _curator().read()
    told: Answer = {"version": known.head.version, "lost": sorted(known.lost)}
    if "game_id" in event:
        return {**told, "game": _game_view(known, _game_id(event))}
    if "provider" in event:
        shelf = known.snapshot.shelf(_provider(event))
        games = list(shelf.games.values())
        shown = [{"game_id": game.id, "code": game.code, **_switches(shelf, game)} for game in games[:SHOWN_MAX]]
        return {**told, "games": shown, "count": len(games)}
    return {**told, "providers": {name: _summary(shelf) for name, shelf in sorted(known.snapshot.shelves.items())}}


def _game_view(known: Known, game_id: str) -> Answer:
    try:
        shelf = known.snapshot.shelf(known.snapshot.provider_of(game_id))
    except NoSuchGame:
        raise Refused("not_found", "The catalogue has no such game.") from None
    game = shelf.games[game_id]
    return {**game_view(game), "code": game.code, **_switches(shelf, game)}


def _switches(shelf: Shelf, game: Game) -> Answer:
    return {
        "enabled": shelf.is_enabled(game),
        "listed_enabled": game.enabled,
        "switched_off": game.id in shelf.off.games,
        "provider_switched_off": shelf.off.all,
    }


def _summary(shelf: Shelf) -> Answer:
    games = shelf.games.values()
    return {"games": len(games), "enabled": sum(map(shelf.is_enabled, games)), "switched_off": shelf.off.all}


def _round(event: Event, _deed: Deed) -> Answer:
    _only(event, "player_id", "provider", "round_id")
    player_id, round_id = event.get("player_id"), event.get("round_id")
    if not isinstance(player_id, str) or not is_player_id(player_id) or not isinstance(round_id, str):
        raise Refused("invalid_request", "player_id, provider and round_id must be given.")
    try:
        key = key_of(player_id, _provider(event), round_id)
    except InvalidReference:
        raise Refused("invalid_request", "round_id cannot be the id of a round.") from None
    told = _settings()
    ledger = LedgerStore(aws.client("dynamodb", max_attempts=1), told.ledger_table)
    found = RoundReader(ledger, RoundsStore(_client(), told.games_table)).read(key)
    if found is None:
        raise Refused("not_found", "The player has no such round.")
    return {"round": {**found.view(), "player_id": player_id}}


def _health(event: Event, _deed: Deed) -> Answer:
    _only(event)
    told, now_ms = _settings(), system_clock()
    circuits = TableCircuit(_client(), told.circuits_table)
    healths = HealthBoard(_client(), told.games_table, system_clock).all()
    return {"providers": [{**health.staff_view(now_ms), "circuit": circuits.state(health.provider)} for health in healths]}


_ACTIONS: Final[Mapping[str, Callable[[Event, Deed], Answer]]] = {
    "import": _import,
    "disable": lambda event, deed: _switch(event, deed, enabled=False),
    "enable": lambda event, deed: _switch(event, deed, enabled=True),
    "show": _show,
    "round": _round,
    "health": _health,
}


def _serve(event: Any, _context: Any) -> Answer:
    try:
        action, deed = _read(event)
        answer = _ACTIONS[action](event, deed)
    except Refused as refused:
        telemetry.logger.warning("staff refused", code=refused.view["code"])
        return refused.view
    except CatalogueMoved:
        return Refused("conflict", "Somebody else is changing the catalogue; try again.").view
    except _UNAVAILABLE as error:
        telemetry.logger.error("staff action unavailable", failure=telemetry.describe(error))
        return Refused("temporarily_unavailable", "It could not be done now; doing it again is safe.").view
    except ChainBroken as error:
        telemetry.logger.error("staff action failed", failure=telemetry.describe(error))
        return Refused("ledger_broken", "The player's records do not agree; the audit names where.").view
    except Exception as error:  # noqa: BLE001 - the outermost edge: the caller learns that it failed, operators get the log line
        telemetry.logger.error("staff action failed", failure=telemetry.describe(error))
        raise staff.StaffFailed("It could not be done; the log says why.") from None
    # Who changed the catalogue is kept with it: an actor's name may be an e-mail address, and no log line carries one.
    telemetry.logger.info("staff action", action=action)
    telemetry.count("GamesStaffActions", dimensions={"action": action})
    return {"outcome": "done", "action": action, **answer}


def _read(event: Any) -> tuple[str, Deed]:
    if not isinstance(event, dict):
        raise Refused("invalid_request", "The event must be an object.")
    action = event.get("action")
    if not isinstance(action, str) or action not in _ACTIONS:
        raise Refused("invalid_request", "action must be one of: " + ", ".join(_ACTIONS) + ".")
    return action, Deed(_words(event, "actor", ACTOR_MAX), _words(event, "reason", REASON_MAX))


def _words(event: Event, name: str, most: int) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value.strip()) <= len(value) <= most:
        raise Refused("invalid_request", f"{name} must be 1 to {most} printable characters.")
    return value


def _only(event: Event, *names: str) -> None:
    if event.keys() - {"action", "actor", "reason", *names}:
        raise Refused("invalid_request", "The event has a member that this action does not know.")


def _provider(event: Event) -> str:
    provider = event.get("provider")
    if not is_provider(provider):
        raise Refused("invalid_request", "provider must be the name of one.")
    return str(provider)


def _game_id(event: Event) -> str:
    game_id = event.get("game_id")
    if not is_game_id(game_id):
        raise Refused("invalid_request", "game_id must be the id of a game.")
    return str(game_id)


handler: Final = telemetry.observed(_serve)
