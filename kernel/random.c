// SPDX-License-Identifier: MIT
//
// Random bytes from the ChaCha20 stream (RFC 8439, section 2.3), keyed by the
// boot loader's seed.  After every request the key is replaced by fresh output,
// so that what was given out cannot be computed from what is in memory later.

#include <machine.h>
#include "kernel/lock.h"
#include "kernel/random.h"
#include "kernel/string.h"

enum { KEY_WORDS = 8, BLOCK_WORDS = 16, BLOCK_BYTES = 64, ROUNDS = 20 };

static struct {
  struct spinlock lock;
  u32 key[KEY_WORDS];
  u64 requests;            // the nonce: never the same with one key
} source = { .lock = SPINLOCK_INIT("random") };

static u32
rotate(u32 x, u32 n)
{
  return x << n | x >> (32 - n);
}

static void
quarter_round(u32 *x, u32 a, u32 b, u32 c, u32 d)
{
  x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 7);
}

static void
chacha20_block(const u32 key[KEY_WORDS], u32 counter, u64 nonce, u32 out[BLOCK_WORDS])
{
  u32 start[BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
  memcpy(start + 4, key, KEY_WORDS * sizeof(u32));
  start[12] = counter;
  start[13] = 0;
  start[14] = (u32)nonce;
  start[15] = (u32)(nonce >> 32);
  memcpy(out, start, BLOCK_BYTES);
  for(u32 i = 0; i < ROUNDS; i += 2){
    for(u32 c = 0; c < 4; c++)
      quarter_round(out, c, c + 4, c + 8, c + 12);
    for(u32 c = 0; c < 4; c++)
      quarter_round(out, c, (c + 1) % 4 + 4, (c + 2) % 4 + 8, (c + 3) % 4 + 12);
  }
  for(u32 i = 0; i < BLOCK_WORDS; i++)
    out[i] += start[i];
}

void
random_init(void)
{
  memcpy(source.key, machine.rng_seed, sizeof source.key);
  source.key[0] ^= (u32)machine_ticks();       // a seed of zeroes is no reason to repeat
}

// Take a key of one's own, half of the next block; the other half is the
// source's new key.
static void
draw_key(u32 key[KEY_WORDS])
{
  u32 block[BLOCK_WORDS];
  bool on = spin_lock_irq(&source.lock);
  chacha20_block(source.key, 0, source.requests++, block);
  memcpy(source.key, block, sizeof source.key);
  spin_unlock_irq(&source.lock, on);
  memcpy(key, block + KEY_WORDS, KEY_WORDS * sizeof(u32));
  memset(block, 0, sizeof block);
}

void
random_bytes(void *buf, u64 n)
{
  u32 key[KEY_WORDS], block[BLOCK_WORDS];
  u8 *p = buf;
  draw_key(key);
  for(u32 counter = 0; n > 0; counter++){
    u64 part = min(n, (u64)BLOCK_BYTES);
    chacha20_block(key, counter, 0, block);
    memcpy(p, block, part);
    p += part;
    n -= part;
  }
}
