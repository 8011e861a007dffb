"""An extra decision by people: the desk where workers ask, what an approval covers, and how people are told and heard.

*Rules* pure: what covers what, who may, who is still missing · *Desk* the one way to ask, approve and deny · *Journal* its
records · *Webhooks* tell a group · *Inbox* hears one · *Signing* what both are signed with.
"""
