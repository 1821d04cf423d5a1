# Dictionaries, strings, classes, comprehensions and a little arithmetic: python as it is written every day.
import json


class Account:
    def __init__(self, name):
        self.name = name
        self.entries = []

    def add(self, amount):
        self.entries.append(amount)

    @property
    def balance(self):
        return sum(self.entries)


accounts = {}
state = 1
for i in range(750000):
    state = (state * 1103515245 + 12345) % 2147483648
    name = f"account-{state % 997}"
    if name not in accounts:
        accounts[name] = Account(name)
    accounts[name].add(state % 1000 - 500)
best = sorted(accounts.values(), key=lambda a: (-a.balance, a.name))[:5]
text = json.dumps([{"name": a.name, "balance": a.balance, "entries": a.entries} for a in accounts.values()])
again = json.loads(text)
print([a.name for a in best], len(text), sum(len(a["entries"]) for a in again))
