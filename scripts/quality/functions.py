#!/usr/bin/env python3
"""How often a served model chooses the right function among four, and gives it the right arguments.

    python3 scripts/quality/functions.py http://127.0.0.1:8080 [--choice required|auto] [--model NAME] [--json FILE]

A hundred questions, ten for each of ten functions; each is asked with its function and three others that are drawn from the rest, in an
order that is drawn too, at temperature 0. Counted are answers that call a function, calls that parse and match the function's schema, the
right function, and the right function with the right arguments (texts are compared without case and white space at their ends). Only what a
question says is an argument, so nothing has to be guessed. The questions are the same each time.
"""

import argparse
import json
import pathlib
import random
import urllib.request

TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}

# name: what it does, its parameters, how it is asked, values for the blanks
FUNCTIONS = {
    "get_weather": ("Tells the weather in a city.", {"city": TEXT}, [
        "What is the weather like in {city}?", "Will I need an umbrella in {city} today?", "How warm is it in {city} right now?",
        "Tell me the weather in {city}.", "Is it raining in {city}?",
    ], [{"city": city} for city in ["Oslo", "Lima", "Nairobi", "Osaka", "Toronto", "Madrid", "Cairo", "Sydney", "Dublin", "Prague"]]),
    "convert_currency": ("Converts an amount of money from one currency to another.", {"amount": NUMBER, "from": TEXT, "to": TEXT}, [
        "How much is {amount} {from} in {to}?", "Convert {amount} {from} to {to}.", "I have {amount} {from}. How many {to} do I get?",
    ], [{"amount": amount, "from": a, "to": b} for amount, a, b in [
        (100, "USD", "EUR"), (25, "GBP", "JPY"), (3000, "SEK", "NOK"), (75, "EUR", "CHF"), (12, "CAD", "USD"), (500, "INR", "GBP"),
        (40, "AUD", "NZD"), (980, "JPY", "USD"), (60, "CHF", "EUR"), (15, "USD", "MXN")]]),
    "set_timer": ("Starts a timer.", {"minutes": WHOLE}, [
        "Set a timer for {minutes} minutes.", "Wake me in {minutes} minutes.", "Start a {minutes} minute timer, please.",
    ], [{"minutes": minutes} for minutes in [5, 10, 12, 15, 20, 25, 30, 40, 45, 90]]),
    "send_message": ("Sends a text message to a person.", {"recipient": TEXT, "text": TEXT}, [
        'Send "{text}" to {recipient}.', 'Text {recipient}: "{text}"', 'Write a message to {recipient} that says "{text}".',
    ], [{"recipient": who, "text": text} for who, text in [
        ("Anna", "I am late"), ("Ben", "Call me back"), ("Carla", "Happy birthday"), ("David", "Dinner at eight"), ("Eva", "The train is full"),
        ("Farid", "See you tomorrow"), ("Greta", "Thank you"), ("Hugo", "Bring the keys"), ("Ida", "I found it"), ("Jonas", "Meeting moved")]]),
    "translate_text": ("Translates a text into a language.", {"text": TEXT, "language": TEXT}, [
        'How do you say "{text}" in {language}?', 'Translate "{text}" into {language}.', 'What is "{text}" in {language}?',
    ], [{"text": text, "language": language} for text, language in [
        ("good morning", "French"), ("where is the station", "German"), ("thank you", "Japanese"), ("one coffee please", "Italian"),
        ("I am lost", "Spanish"), ("see you soon", "Swedish"), ("the bill please", "Portuguese"), ("help", "Polish"), ("goodbye", "Greek"),
        ("happy new year", "Dutch")]]),
    "play_music": ("Plays music of an artist.", {"artist": TEXT}, [
        "Play something by {artist}.", "I want to hear {artist}.", "Put on some music by {artist}.",
    ], [{"artist": artist} for artist in [
        "Miles Davis", "Björk", "Queen", "Adele", "Nina Simone", "Radiohead", "ABBA", "Bob Marley", "Madonna", "Prince"]]),
    "book_table": ("Books a table in a restaurant.", {"restaurant": TEXT, "people": WHOLE}, [
        "Book a table for {people} at {restaurant}.", "Reserve {restaurant} for {people} people.", "We are {people}, get us a table at {restaurant}.",
    ], [{"restaurant": name, "people": people} for name, people in [
        ("Luigi's", 2), ("Golden Dragon", 6), ("Chez Marie", 4), ("The Anchor", 3), ("Sakura", 5), ("El Toro", 8), ("Bombay House", 7),
        ("Old Mill", 2), ("Blue Door", 10), ("Harbour Grill", 4)]]),
    "search_flights": ("Finds flights between two cities.", {"origin": TEXT, "destination": TEXT}, [
        "Find flights from {origin} to {destination}.", "I want to fly from {origin} to {destination}.", "Is there a plane from {origin} to {destination}?",
    ], [{"origin": a, "destination": b} for a, b in [
        ("Berlin", "Rome"), ("Boston", "Denver"), ("Paris", "Tunis"), ("Delhi", "Dubai"), ("Seoul", "Tokyo"), ("Vienna", "Athens"),
        ("Chicago", "Miami"), ("London", "Lisbon"), ("Zurich", "Milan"), ("Perth", "Bali")]]),
    "get_stock_price": ("Tells the price of a company's share.", {"symbol": TEXT}, [
        "What does a share of {symbol} cost?", "What is the stock price of {symbol}?", "How is {symbol} trading?",
    ], [{"symbol": symbol} for symbol in ["AAPL", "MSFT", "TSLA", "AMZN", "NVDA", "IBM", "ORCL", "INTC", "AMD", "NFLX"]]),
    "add_event": ("Adds an event to the calendar.", {"title": TEXT, "day": TEXT}, [
        "Put {title} into my calendar for {day}.", "Add {title} on {day} to the calendar.", "Note in the calendar: {title}, {day}.",
    ], [{"title": title, "day": day} for title, day in [
        ("dentist", "Monday"), ("team lunch", "Friday"), ("yoga", "Tuesday"), ("car service", "Wednesday"), ("parents' evening", "Thursday"),
        ("football match", "Saturday"), ("brunch", "Sunday"), ("haircut", "Friday"), ("board meeting", "Monday"), ("concert", "Saturday")]]),
}


def questions():
    draw = random.Random(17)
    for name, (_, _, wordings, values) in FUNCTIONS.items():
        for index, arguments in enumerate(values):
            offered = draw.sample([other for other in FUNCTIONS if other != name], 3) + [name]
            draw.shuffle(offered)
            yield wordings[index % len(wordings)].format(**arguments), name, arguments, offered


def declared(name):
    description, parameters, _, _ = FUNCTIONS[name]
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {
        "type": "object", "properties": parameters, "required": list(parameters), "additionalProperties": False}}}


def ask(url, model, choice, question, offered):
    body = {
        "messages": [{"role": "user", "content": question}], "tools": [declared(name) for name in offered], "tool_choice": choice,
        "temperature": 0, "max_tokens": 160}
    if model:
        body["model"] = model
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["choices"][0]["message"]


def matches(arguments, name):
    """Whether arguments satisfy the function's schema."""
    parameters = FUNCTIONS[name][1]
    kinds = {"string": str, "number": (int, float), "integer": int}
    return isinstance(arguments, dict) and set(arguments) == set(parameters) and all(
        isinstance(value, kinds[parameters[key]["type"]]) and not isinstance(value, bool) for key, value in arguments.items())


def same(found, expected):
    def plain(value):
        return value.strip().lower() if isinstance(value, str) else value
    return {key: plain(value) for key, value in found.items()} == {key: plain(value) for key, value in expected.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--choice", choices=["required", "auto"], default="required")
    parser.add_argument("--model", help="an adapter or the base; without it the router decides")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    counts = dict.fromkeys(["questions", "called", "valid", "right function", "right function and arguments"], 0)
    for question, name, expected, offered in questions():
        counts["questions"] += 1
        calls = ask(options.url, options.model, options.choice, question, offered).get("tool_calls") or []
        if not calls:
            continue
        counts["called"] += 1
        call = calls[0]["function"]
        try:
            arguments = json.loads(call["arguments"])
        except json.JSONDecodeError:
            continue
        if call["name"] not in offered or not matches(arguments, call["name"]):
            continue
        counts["valid"] += 1
        if call["name"] == name:
            counts["right function"] += 1
            counts["right function and arguments"] += same(arguments, expected)
    for what, count in counts.items():
        print(f"{what}: {count}")
    if options.json:
        options.json.write_text(json.dumps({"choice": options.choice, **counts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
