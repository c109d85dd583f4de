# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses the server: honest people of several kinds, thieves, and guessers.

A kind is a method that tells the server what one account does over the days.
What thieves do comes on top of what their owners did all along.
"""
from server import DOMAIN

HOUR, DAY = 3600, 86400


class People:
    def __init__(self, server, rng, begin, days):
        self.server, self.rng, self.begin, self.days = server, rng, begin, days
        self.labels = {}
        self.domains = [f"firm{i}.example" for i in range(400)]
        self.popular = ["gmail.com", "outlook.com", "yahoo.com", "gmx.net", "web.de", "icloud.com"]
        self.offices = [self.address("5") for _ in range(5)]
        self.names = 0

    # ---- small things

    def address(self, first):
        if ":" in first:
            return f"{first}{self.rng.randrange(1 << 16):x}:{self.rng.randrange(1 << 16):x}::{self.rng.randrange(1, 1 << 16):x}"
        return ".".join([first, *(str(self.rng.randrange(256)) for _ in range(2)), str(self.rng.randrange(1, 255))])

    def account(self, kind, thief=False, since=None, name=None):
        self.names += 1
        account = f"{name or 'u' + str(self.names)}@{DOMAIN}"
        self.labels[account] = {"kind": kind, "thief": thief, **({"since": since} if since else {})}
        return account

    def friends(self, n=12):
        return [f"p{self.rng.randrange(10000)}@{self.rng.choice(self.popular + self.domains)}" for _ in range(n)]

    def strangers(self, n):
        """Whom a spammer writes to."""
        domains = self.popular * 30 + self.domains
        return [f"v{self.rng.randrange(10 ** 7)}@{self.rng.choice(domains)}" for _ in range(n)]

    def workdays(self):
        for day in range(self.days):
            start = self.begin + day * DAY
            if (start // DAY + 3) % 7 < 5:
                yield start
        if self.days < 3:
            yield self.begin

    def alldays(self):
        return [self.begin + day * DAY for day in range(self.days)]

    def later(self):
        """Some time after the first day and a half, at work."""
        day = self.rng.randrange(min(2, self.days - 1), self.days)
        return self.begin + day * DAY + self.rng.uniform(9, 17) * HOUR

    # ---- the honest

    def office_user(self, account=None, office=None, kind="office"):
        """The office by day, one address for many; home and the phone in the evening."""
        account = account or self.account(kind)
        office = office or self.rng.choice(self.offices)
        home, phone = self.address("5"), [self.address("80") for _ in range(4)]
        six = self.address("2a01:")
        friends = self.friends()
        for day in self.workdays():
            self.server.login(day + 8 * HOUR + self.rng.uniform(0, HOUR), account, office)
            for _ in range(self.rng.randrange(3, 20)):
                self.write(day + self.rng.uniform(8.5, 17.5) * HOUR, account, office, friends)
        for day in self.alldays():
            self.server.login(day + 18 * HOUR + self.rng.uniform(0, HOUR), account, home)
            self.server.login(day + 18 * HOUR + self.rng.uniform(0, HOUR), account, six)
            for _ in range(self.rng.randrange(6)):
                self.write(day + self.rng.uniform(18, 22) * HOUR, account, self.rng.choice([home, six]), friends)
            for k in range(8):
                self.server.login(day + (8 + k * 1.7) * HOUR + self.rng.uniform(0, 600), account, self.rng.choice(phone))
            for _ in range(self.rng.randrange(4)):
                self.write(day + self.rng.uniform(7, 22) * HOUR, account, self.rng.choice(phone), friends)
        return account

    def write(self, when, account, ip, friends, **kw):
        many = self.rng.choices([1, 2, 5], [85, 12, 3])[0]
        self.server.submit(when, account, ip, account, self.rng.sample(friends, many),
                           size=int(self.rng.paretovariate(0.9) * 4000) % 8000000, **kw)

    def mobile_user(self):
        """Sends from a phone only, whose network changes its address all day."""
        account, friends = self.account("mobile"), self.friends()
        pool = [self.address("80") for _ in range(9)]
        for day in self.alldays():
            for _ in range(self.rng.randrange(10, 25)):
                at = day + self.rng.uniform(7, 23) * HOUR
                ip = self.rng.choice(pool)
                self.server.login(at - 5, account, ip)
                self.write(at, account, ip, friends)

    def traveller(self):
        """Home; then abroad: the phone still comes out at home, the laptop in the hotel, and a plane between."""
        account = self.office_user(kind="traveller")
        friends = self.friends()
        day = self.begin + (self.days - 1) * DAY
        roaming, plane = self.address("80"), self.address("45")
        hotels = [self.address("31"), self.address("45")]
        for hotel in hotels:
            for _ in range(6):
                at = day + self.rng.uniform(0, 8) * HOUR + (12 * HOUR if hotel is hotels[1] else 0)
                self.server.login(at, account, hotel)
                self.server.login(at + self.rng.uniform(5, 50), account, roaming)
                self.write(at + 60, account, hotel, friends)
                self.write(at + 90, account, roaming, friends)
        for k in range(3):
            self.write(day + (9 + k / 2) * HOUR, account, plane, friends)

    def two_families(self):
        """A phone that takes IPv4 and IPv6 in turn, the IPv6 from a tunnel that comes out abroad."""
        account, friends = self.account("tunnel"), self.friends()
        four, six = self.address("5"), self.address("2600:")
        for day in self.alldays():
            for _ in range(12):
                at = day + self.rng.uniform(7, 23) * HOUR
                self.server.login(at, account, four)
                self.server.login(at + 3, account, six)
                self.write(at + 20, account, self.rng.choice([four, six]), friends)

    def invoices(self, each, n):
        """Month's end: an invoice to each customer, one every few seconds, from the office."""
        account = self.office_user(kind="invoices")
        office = self.offices[0]
        for day in self.workdays():
            self.write(day + 9 * HOUR, account, office, self.friends())
        at = self.begin + (self.days - 1) * DAY + 10 * HOUR
        for k in range(n):
            self.server.submit(at + k * each, account, office, account, [f"invoices@{self.rng.choice(self.domains)}"], size=85000)

    def scanner(self):
        """A bare name that sends big files to colleagues, a pile at a time."""
        account = self.account("scanner", name="scanner")
        for day in self.workdays():
            for _ in range(4):
                at = day + self.rng.uniform(8, 17) * HOUR
                for k in range(self.rng.randrange(5, 40)):
                    self.server.submit(at + k * 12, account, self.offices[1], account, [f"u{self.rng.randrange(1, 30)}@{DOMAIN}"],
                                       size=self.rng.randrange(2000000, 25000000))

    def crm(self):
        """A customer system in a data centre, in its employees' names, to old addresses among others."""
        account, ip = self.account("crm", name="crm"), self.address("5")
        for day in self.alldays():
            for _ in range(300):
                sender = f"u{self.rng.randrange(1, 30)}@{DOMAIN}"
                self.server.submit(day + self.rng.uniform(6, 20) * HOUR, account, ip, sender, self.friends(1), bad=0.08)

    def smarthost(self):
        """A customer's own mail server that hands all of its mail in under one login."""
        account, ip = self.account("smarthost", name="gateway"), self.address("5")
        for day in self.alldays():
            for _ in range(400):
                sender = f"e{self.rng.randrange(40)}@{self.rng.choice(['customer.example', 'shop.example'])}"
                self.server.submit(day + self.rng.uniform(6, 20) * HOUR, account, ip, sender, self.friends(1))

    def newsletter(self, a_minute, n, name):
        """One message a reader, paced; some readers' servers put it off for days, a few call it spam."""
        account, ip = self.account("newsletter", name=name), self.address("5")
        for day in self.alldays():
            self.server.submit(day + 8 * HOUR, account, ip, account, self.friends(2))
        at = self.begin + (self.days - 1) * DAY + 9 * HOUR
        for k in range(n):
            self.server.submit(at + k * 60 / a_minute, account, ip, account, self.strangers(1), size=60000, bad=0.02, spam=0.004, later=0.06)

    def list_owner(self):
        """Posts to a list, whose software hands out the copies as a local user; and writes to a hundred by hand."""
        account = self.office_user(kind="list owner")
        readers = self.strangers(600)
        for day in self.workdays():
            for k in range(3):
                at = day + self.rng.uniform(9, 17) * HOUR
                self.server.submit(at, account, self.offices[2], account, [f"list@{DOMAIN}"])
                for i in range(0, len(readers), 50):
                    self.server.local(at + 2 + i / 50, 38, f"list-bounces@{DOMAIN}", readers[i:i + 50])
            self.server.submit(day + 11 * HOUR, account, self.offices[2], account, self.strangers(120))

    def webmail_user(self):
        """All of them come from one address: the web server's."""
        account, friends = self.account("webmail"), self.friends()
        for day in self.alldays():
            for _ in range(self.rng.randrange(1, 9)):
                at = day + self.rng.uniform(7, 23) * HOUR
                self.server.login(at - 30, account, "127.0.0.1")
                self.write(at, account, "127.0.0.1", friends)

    def forgetful(self):
        """Tries old passwords from where he always was, and a phone that nobody told goes on for a day."""
        account = self.office_user(kind="forgetful")
        office = self.rng.choice(self.offices)
        at = self.later()
        for k in range(4):
            self.server.fail_smtp(at + k * 20, account, office)
        self.server.login(at + 100, account, office)
        for k in range(60):
            self.server.fail_login(at + k * 600, account, office)

    def fetched(self):
        """A mailbox that Gmail fetches, from dozens of its addresses; and sends through us, from others."""
        account, friends = self.account("fetched"), self.friends()
        pool = [f"209.85.{self.rng.randrange(256)}.{self.rng.randrange(1, 255)}" for _ in range(25)]
        for day in self.alldays():
            for k in range(96):
                self.server.login(day + k * 900 + self.rng.uniform(0, 300), account, self.rng.choice(pool), "pop3")
            for _ in range(5):
                self.write(day + self.rng.uniform(8, 22) * HOUR, account, self.rng.choice(pool), friends)

    def inbound(self, n):
        """What the world sends us, some of it to readers who have it sent on."""
        servers = [self.address("45") for _ in range(60)]
        for _ in range(n):
            at = self.begin + self.rng.uniform(0, self.days) * DAY
            rcpt = f"u{self.rng.randrange(1, 30)}@{DOMAIN}" if self.rng.random() < 0.95 else "forwarded@gmail.com"
            self.server.receive(at, self.rng.choice(servers), self.friends(1)[0], [rcpt])

    def trusted(self):
        """A shop and a monitor that may relay without a login, and the web server's own mail."""
        shop, monitor = self.address("5"), self.address("5")
        for day in self.alldays():
            for _ in range(200):
                self.server.relayed(day + self.rng.uniform(0, 24) * HOUR, shop, f"shop@{DOMAIN}", self.friends(1))
                self.server.relayed(day + self.rng.uniform(0, 24) * HOUR, monitor, f"monitor@{DOMAIN}", [f"u1@{DOMAIN}"])
            for _ in range(50):
                self.server.local(day + self.rng.uniform(0, 24) * HOUR, 33, f"www-data@mx.{DOMAIN}", self.friends(1))
