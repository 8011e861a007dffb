"""The control plane: who may open a mission, how it changes and how it ends.

*request* what somebody wants opened · *plan* the mission that would be · *ceiling* what no mission exceeds · *change* a
move between states · *opened* a mission with the passes that only its caller sees · *journal* the mission records.
The counterpart is ``decision``, which judges requests inside an open mission. Must not know: HTTP, SQL.
"""
