"""The words that the demo catalogue is invented from."""

from __future__ import annotations

__all__ = ["ADJECTIVES", "AFTERMATHS", "FAMILY_NAMES", "GENRES", "GIVEN_NAMES", "NOUNS", "PLACES", "SYNOPSES"]

ADJECTIVES = (
    "Amber", "Borrowed", "Brittle", "Distant", "Drowned", "Electric", "Faithful", "Forgotten", "Gentle", "Hollow",
    "Impossible", "Ivory", "Last", "Lonely", "Marble", "Midnight", "Northern", "Paper", "Quiet", "Restless",
    "Salted", "Second", "Silver", "Sleeping", "Stolen", "Tin", "Unfinished", "Velvet", "Wandering", "Winter",
)  # fmt: skip
NOUNS = (
    "Almanac", "Beekeeper", "Cartographer", "Causeway", "Clockmaker", "Compass", "Ferry", "Gardener", "Harbour",
    "Inheritance", "Island", "Lantern", "Letter", "Lighthouse", "Meridian", "Nightingale", "Observatory", "Orchard",
    "Passenger", "Postcard", "Promise", "Quarry", "Regatta", "Signal", "Staircase", "Tide", "Translator", "Understudy",
    "Vineyard", "Witness",
)  # fmt: skip
PLACES = (
    "Aldermere", "Brackwater", "Cold Fen", "Dunharrow Pier", "Elverstone", "Farrow Bay", "Gallows Green", "Hexley",
    "Inverlane", "Juniper Row", "Kestrel Point", "Lowmarsh",
)  # fmt: skip
GIVEN_NAMES = (
    "Ada", "Bruno", "Celeste", "Dmitri", "Elodie", "Farid", "Greta", "Hugo", "Imani", "Jonas", "Kaia", "Leopold",
    "Mirela", "Nils", "Odile", "Pavel", "Quentin", "Rosalind", "Silvan", "Tamsin", "Ulrike", "Viggo", "Wanda", "Yusuf",
)  # fmt: skip
FAMILY_NAMES = (
    "Abernath", "Bellweather", "Castellane", "Drummoyne", "Estergard", "Fairlough", "Grimsdal", "Holloway-Rask",
    "Ilverson", "Jarnefelt", "Kestering", "Lindqvale", "Montrachet", "Nordahl", "Okonjo-Vale", "Pemberwick",
    "Quillfeather", "Rostrevor", "Sandoval-Creek", "Thistlewood",
)  # fmt: skip
GENRES = (
    "Adventure", "Comedy", "Crime", "Documentary", "Drama", "Family", "Fantasy", "History", "Mystery", "Romance",
    "Science Fiction", "Thriller",
)  # fmt: skip
SYNOPSES = (
    "{a_noun} arrives in {place}, and nobody there will say who sent it.",
    "Everybody in {place} remembers the {noun}. Nobody remembers the same one.",
    "Two strangers share {a_noun}, a debt and one long night in {place}.",
    "When the {noun} of {place} disappears, the youngest witness is the only one who is believed.",
    "The summer in which {place} learned what {a_noun} is worth.",
)
AFTERMATHS = (
    "What begins as a joke ends in the only court that {place} ever had.",
    "By the time the first snow falls, {given} has told three versions of it, and believes two.",
    "{given} keeps the books, and in the books there is one line that nobody should read.",
    "The ferry leaves at six. {given} will be on it, or the whole of {place} will.",
    "Years later, {given} opens the drawer again.",
)
