/* How entries get into the log and how the log is signed: writers, lock, isolation, fences, guard, witness.
 *
 * Sizes (-D): K writers, N commands, P publishers, CRASHES and RESTORES that may happen (README.md).
 * A hash is modelled by what it commits to: the commands up to it as digits to the base N + 1.
 * An invariant is asserted under its name, so that what Spin says names it.
 */
#ifndef K
#define K 2
#endif
#ifndef N
#define N 2
#endif
#ifndef P
#define P 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef RESTORES
#define RESTORES 1
#endif
#define MAX (N + 2)
#define HASH(prev, command) ((prev) * (N + 1) + (command))
#define CHECK(invariant, holds) invariant = (holds); assert(invariant)

hidden byte NoFork, AckedDurable, NoDuplicate, SignedPrefix, WitnessMonotone, HonestNo;
/* scratch: each is set and read within one d_step */
hidden byte i, j, t; hidden short h; hidden byte f, unused;

typedef Txn { byte base, n, item[N], gen; short head; bit open };

/* the database: only what is committed */
byte size, table, row[MAX];      /* row[s] = the command of entry s + 1, 0 = none */
short head, hash[MAX];           /* hash[s] = the chain up to and with entry s + 1 */
byte gen;                        /* counts restores: every connection from before is dead */
byte lock;                       /* the advisory lock: 0 free, else number of the writer + 1 */
Txn txn[K];                      /* each writer's transaction; open = COMMIT is under way at the server */

byte guard; short guard_hash;    /* the journal outside the database */
short released[MAX + 1];         /* what the world has seen signed, by size; 0 = nothing */
byte cosigned; short cosigned_hash;
bit acked[N + 1], restored;
byte acks, crashes, restores;

/* the hash at an earlier size that a hash of size s commits to */
inline cut(from, whole, to, out) {
    out = whole; t = from; do :: t > to -> out = out / (N + 1); t-- :: else -> break od; skip
}

inline is_in(upto, command, found) {
    found = 0; i = 0;
    do :: i < upto -> if :: row[i] == command -> found = 1 :: else fi; i++ :: else -> break od; skip
}

inline check_acked() {
    j = 1;
    do
    :: j <= N -> if :: acked[j] && !restored -> is_in(size, j, f); CHECK(AckedDurable, f) :: else fi; j++
    :: else -> break
    od; skip
}

/* The server carries out COMMIT of a writer's transaction, or finds that a fence forbids it: done tells which. */
inline commit(who, done) {
    done = (txn[who].gen == gen);
#ifndef NO_CAS
    done = done && size == txn[who].base && head == txn[who].head;
#endif
#ifndef NO_PK
    done = done && row[txn[who].base] == 0;
#endif
#ifndef BLIND_RETRY
    /* unique (key, idem) */
    j = 0;
    do
    :: j < txn[who].n -> is_in(size, txn[who].item[j], f); done = done && !f; j++
    :: else -> break
    od;
#endif
    j = 0;
    do
    :: done && j < txn[who].n ->
        /* one entry to a seq, and it names the one before it */
        CHECK(NoFork, row[txn[who].base + j] == 0);
        CHECK(NoFork, txn[who].base + j == 0 || hash[txn[who].base + j - 1] == txn[who].head);
        is_in(size, txn[who].item[j], f); CHECK(NoDuplicate, !f);
        row[txn[who].base + j] = txn[who].item[j];
        txn[who].head = HASH(txn[who].head, txn[who].item[j]);
        hash[txn[who].base + j] = txn[who].head;
        size = txn[who].base + j + 1; head = txn[who].head;
        j++
    :: else -> break
    od;
    check_acked();
    txn[who].open = 0;
    if :: lock == who + 1 -> lock = 0 :: else fi
}

inline roll_back(who) {
    d_step {
#ifndef LOCK_OUTLIVES
        if :: lock == who + 1 && txn[who].gen == gen -> lock = 0 :: else fi;
#endif
        forget(who)
    }
}

inline forget(who) {
    txn[who].open = 0; txn[who].base = 0; txn[who].head = 0; txn[who].n = 0;
    view = 0; view_head = 0; c = 0; there = 0;
    j = 0; do :: j < N -> txn[who].item[j] = 0; j++ :: else -> break od; skip
}

/* Answer every command of w's batch; what is answered must be there. */
inline answer(who) {
    d_step {
        j = 0;
        do
        :: j < txn[who].n ->
            if :: !acked[txn[who].item[j]] -> acked[txn[who].item[j]] = 1; acks++ :: else fi; j++
        :: else -> break
        od;
        if :: txn[who].gen == gen -> check_acked() :: else fi;
        forget(who)
    }
}

/* What the guard says about the log: 1 when it may go on. */
inline stands(may) { may = (guard <= size);
    if :: may && guard > 0 -> may = (hash[guard - 1] == guard_hash) :: else fi
}

proctype Writer(byte w) {
    byte view, c; short view_head; bit ok, there;
start: skip;
    d_step { txn[w].gen = gen; stands(ok) }
    if :: !ok -> goto stopped :: else fi;        /* read-only */
begin: skip;
    if :: acks == N -> goto stopped :: else fi;
#ifdef REPEATABLE_READ
    /* the snapshot is that of the first statement: the one that waits for the lock */
    d_step { txn[w].gen = gen; view = size; view_head = head }
#endif
#ifndef NO_LOCK
    atomic { lock == 0 -> lock = w + 1; txn[w].gen = gen }
#else
    txn[w].gen = gen;
#endif
#ifndef REPEATABLE_READ
    d_step { view = size; view_head = head }
#endif
    /* Any command without an answer may be here, at another writer too: clients try again. */
    d_step { txn[w].base = view; txn[w].head = view_head; txn[w].n = 0; view_head = 0 }
    if :: txn[w].gen != gen -> roll_back(w); goto start :: else fi;
#ifndef NO_GUARD
    if :: view < guard -> roll_back(w); goto stopped :: else fi;
#endif
    atomic {
        c = 1;
        do
        :: d_step {
            c <= N && !acked[c] ->
#ifndef BLIND_RETRY
            is_in(view, c, f);
            if
            :: f -> acked[c] = 1; acks++; check_acked()         /* the first receipt again */
            :: else -> txn[w].item[txn[w].n] = c; txn[w].n++
            fi;
#else
            txn[w].item[txn[w].n] = c; txn[w].n++;
#endif
            c++
            }
#ifdef LIVENESS
        :: c <= N && (acked[c] || txn[w].n > 0) -> c++            /* a queue: the oldest is always taken */
#else
        :: c <= N && (acked[c] || txn[w].n > 0 || c < N) -> c++   /* not in this batch */
#endif
        :: c > N -> break
        od;
        c = 0; view = 0
    }
    if :: txn[w].n == 0 -> roll_back(w); goto begin :: else fi;
    if
    :: d_step { crashes < CRASHES -> crashes++ }; roll_back(w); goto start   /* crash before COMMIT */
    :: d_step { crashes < CRASHES -> crashes++; txn[w].open = (txn[w].gen == gen) }
        ; goto resolve                                                      /* connection lost in COMMIT */
    :: d_step { commit(w, ok) }
    fi;
    if :: !ok -> roll_back(w); goto start :: else fi;
    if
    :: d_step { crashes < CRASHES -> crashes++; forget(w) }; goto start       /* crash before the answer */
    :: answer(w)
    fi;
    goto begin;
resolve: skip;
#ifndef RESOLVE_WITHOUT_LOCK
    atomic { lock == 0 -> lock = w + 1 }
#endif
    /* Each command by itself: what is not found is called not recorded, and its client tries again. */
    d_step {
        do
        :: c < txn[w].n ->
#ifndef RESOLVE_BY_ONE
            is_in(size, txn[w].item[c], there);
#else
            is_in(size, txn[w].item[0], there);
#endif
            CHECK(HonestNo, there || !txn[w].open);   /* what may still be carried out is not denied */
            if :: there && !acked[txn[w].item[c]] -> acked[txn[w].item[c]] = 1; acks++ :: else fi;
            c++
        :: else -> break
        od;
        check_acked()
    }
    d_step { if :: lock == w + 1 -> lock = 0 :: else fi; forget(w) }
    goto start;
stopped:
    skip
}

/* The server goes on with a COMMIT whose client is gone, or drops it, whenever it likes. */
proctype Server() {
end:
    do
    :: d_step { txn[0].open -> commit(0, unused) }
    :: d_step { txn[0].open -> txn[0].open = 0; if :: lock == 1 -> lock = 0 :: else fi }
#if K > 1
    :: d_step { txn[1].open -> commit(1, unused) }
    :: d_step { txn[1].open -> txn[1].open = 0; if :: lock == 2 -> lock = 0 :: else fi }
#endif
#if K > 2
    :: d_step { txn[2].open -> commit(2, unused) }
    :: d_step { txn[2].open -> txn[2].open = 0; if :: lock == 3 -> lock = 0 :: else fi }
#endif
    od; skip
}

/* An operator puts a backup back: fewer entries and checkpoints; guard, world and witness keep theirs. */
proctype Operator() {
    byte to;
end:
    do
    :: restores < RESTORES && size > 0 ->
        atomic {
            to = 0;
            do :: to + 1 < size -> to++ :: break od;
            d_step {
            restores++; restored = 1; gen++; lock = 0;
            i = to; do :: i < MAX -> row[i] = 0; hash[i] = 0; i++ :: else -> break od;
            i = 0; do :: i < K -> txn[i].open = 0; i++ :: else -> break od;
            size = to;
            if :: to == 0 -> head = 0 :: else -> head = hash[to - 1] fi;
            if :: table > to -> table = to :: else fi;
            to = 0
            }
        }
    od; skip
}

proctype Publisher() {
    byte at, known, s; short root, known_hash; bit ok;
end:
    do
    :: size > table ->
        d_step { at = size; root = head; known = guard; known_hash = guard_hash; stands(ok) }
#ifdef NO_GUARD
        ok = 1;
#endif
        if :: !ok -> break :: at == 0 -> goto next :: else fi;
        /* signed in memory; nobody has seen it */
        if
        :: d_step { crashes < CRASHES -> crashes++ }; goto next
        :: skip
        fi;
        d_step {
#if !defined(NO_GUARD) && !defined(NO_GUARD_CAS)
            ok = (guard == known && guard_hash == known_hash);
#endif
            if
            :: ok ->
                guard = at; guard_hash = root;
                s = 1;
                do
                :: s <= MAX ->
                    if
                    :: released[s] && s <= at -> cut(at, root, s, h); CHECK(SignedPrefix, h == released[s])
                    :: released[s] && s > at -> cut(s, released[s], at, h); CHECK(SignedPrefix, h == root)
                    :: else
                    fi;
                    s++
                :: else -> break
                od;
                released[at] = root; s = 0
            :: else
            fi
        }
        if :: !ok -> goto next :: else fi;
        if
        :: d_step { crashes < CRASHES -> crashes++ }; goto next
        :: skip
        fi;
        d_step { if :: at <= size && hash[at - 1] == root && at > table -> table = at :: else fi }
next:   skip;
        d_step { at = 0; root = 0; known = 0; known_hash = 0; ok = 0 }
    od; skip
}

proctype Witness() {
    byte kept, asked; short kept_hash, asked_hash; bit ok;
end:
    do
    :: atomic {
            asked = 1;
            do :: asked < MAX -> asked++ :: released[asked] -> break :: asked == MAX -> break od;
            asked_hash = released[asked]
        }
        d_step {
            ok = (asked_hash && asked >= kept);
            if :: ok -> cut(asked, asked_hash, kept, h); ok = (h == kept_hash) :: else fi
        }
        if
        :: ok ->
#ifndef WITNESS_PERSIST_AFTER_REPLY
            d_step { kept = asked; kept_hash = asked_hash }
            if :: d_step { crashes < CRASHES -> crashes++ }; goto again :: skip fi;
#endif
            d_step {
                CHECK(WitnessMonotone, asked >= cosigned);
                cut(asked, asked_hash, cosigned, h); CHECK(WitnessMonotone, h == cosigned_hash);
                cosigned = asked; cosigned_hash = asked_hash
            }
#ifdef WITNESS_PERSIST_AFTER_REPLY
            if :: d_step { crashes < CRASHES -> crashes++ }; goto again :: skip fi;
            d_step { kept = asked; kept_hash = asked_hash }
#endif
        :: else
        fi;
again:  skip;
        d_step { asked = 0; asked_hash = 0; ok = 0 }
    od; skip
}

init {
    byte n;
    atomic {
        do :: n < K -> run Writer(n); n++ :: else -> break od;
        n = 0;
        do :: n < P -> run Publisher(); n++ :: else -> break od;
#if CRASHES > 0
        run Server();
#endif
#if RESTORES > 0
        run Operator();
#endif
#ifndef NO_WITNESS
        run Witness()
#endif
    }
}

#ifdef LIVENESS
/* every command is answered, and what was appended is signed */
ltl drains { <> (acks == N && (P == 0 || table == N)) }
#endif
