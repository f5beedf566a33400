// SPDX-License-Identifier: MIT
//
// Random bytes from the ChaCha20 stream (RFC 8439, section 2.3), keyed by the
// boot loader's seed.  A pool of output is kept; filling it also replaces the
// key, and bytes are erased as they are given out: so neither can be computed
// from what is in memory later.
//
// The boot setting seed= takes the loader's seed's place.  It is for runs that
// shall repeat: whoever knows it knows all bytes.
//
// Lock: source.lock, interrupts off.

#include <machine.h>
#include "kernel/bootargs.h"
#include "kernel/lock.h"
#include "kernel/random.h"
#include "kernel/string.h"

enum { KEY_WORDS = 8, KEY_BYTES = 32, BLOCK_WORDS = 16, BLOCK_BYTES = 64, ROUNDS = 20 };
enum { POOL_BLOCKS = 4, POOL_BYTES = POOL_BLOCKS * BLOCK_BYTES, FROM_POOL_MAX = 64 };

static struct {
  struct spinlock lock;
  u32 key[KEY_WORDS];
  u8 pool[POOL_BYTES];
  u32 left;                // bytes at the pool's end not yet given out
} source = { .lock = SPINLOCK_INIT("random") };

static inline u32
rotate(u32 x, u32 n)
{
  return x << n | x >> (32 - n);
}

static inline void
quarter_round(u32 *x, u32 a, u32 b, u32 c, u32 d)
{
  x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 7);
}

static void
chacha20_block(const u32 key[KEY_WORDS], u32 counter, u8 out[BLOCK_BYTES])
{
  u32 start[BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
  u32 x[BLOCK_WORDS];
  memcpy(start + 4, key, KEY_BYTES);
  start[12] = counter;
  memcpy(x, start, sizeof x);
  for(u32 i = 0; i < ROUNDS; i += 2){
    quarter_round(x, 0, 4, 8, 12);         // columns
    quarter_round(x, 1, 5, 9, 13);
    quarter_round(x, 2, 6, 10, 14);
    quarter_round(x, 3, 7, 11, 15);
    quarter_round(x, 0, 5, 10, 15);        // diagonals
    quarter_round(x, 1, 6, 11, 12);
    quarter_round(x, 2, 7, 8, 13);
    quarter_round(x, 3, 4, 9, 14);
  }
  for(u32 i = 0; i < BLOCK_WORDS; i++)
    x[i] += start[i];
  memcpy(out, x, BLOCK_BYTES);
}

void
random_init(void)
{
  if(bootarg_copy("seed", "", (char *)source.key, KEY_BYTES))
    return;
  memcpy(source.key, machine.rng_seed, KEY_BYTES);
  source.key[0] ^= (u32)machine_ticks();       // a seed of zeroes is no reason to repeat
}

static void
fill_pool(void)
{
  for(u32 i = 0; i < POOL_BLOCKS; i++)
    chacha20_block(source.key, i, source.pool + i * BLOCK_BYTES);
  memcpy(source.key, source.pool, KEY_BYTES);
  memset(source.pool, 0, KEY_BYTES);
  source.left = POOL_BYTES - KEY_BYTES;
}

// n <= FROM_POOL_MAX
static void
take(void *buf, u64 n)
{
  bool on = spin_lock_irq(&source.lock);
  if(source.left < n)
    fill_pool();
  u8 *p = source.pool + POOL_BYTES - source.left;
  memcpy(buf, p, n);
  memset(p, 0, n);
  source.left -= (u32)n;
  spin_unlock_irq(&source.lock, on);
}

// Much is not taken from the pool, but made with a key that is.
void
random_bytes(void *buf, u64 n)
{
  u32 key[KEY_WORDS];
  u8 block[BLOCK_BYTES], *p = buf;
  if(n <= FROM_POOL_MAX){
    take(buf, n);
    return;
  }
  take(key, KEY_BYTES);
  for(u32 counter = 0; n > 0; counter++){
    u64 part = min(n, (u64)BLOCK_BYTES);
    chacha20_block(key, counter, block);
    memcpy(p, block, part);
    p += part;
    n -= part;
  }
}
