"""Years of manifests in minutes: journeys that the service judged once, stamped anew, signed and appended.

`ground` plays the demo's story and a few longer cases through the real service, with a cast that stands
several times over. `templates` reads from that log what each journey signed and which rows followed;
`stamps` gives a journey other days, ids, numbers and parties; `loading` signs, chains and writes. What comes
out is what the service would have written: replaying it gives the same views, and verification is clean.
"""
