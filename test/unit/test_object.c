// SPDX-License-Identifier: MIT
//
// Objects over a store in memory: read, write, truncate, write-back, mappings,
// and a store that fails.

#include "host/host.h"
#include "host/store.h"
#include "mm/evict.h"
#include "mm/object.h"

enum { PAGES = 40, RW = PROT_READ | PROT_WRITE };

static struct space *space;
static struct store *file;
static struct object *object;
static va_t buffer;                        // anonymous memory of the program
static va_t shared, private;               // two mappings of the whole file

// A file of `size` bytes, byte i of which is pattern(i), and a program that maps it.
static u8
pattern(u64 i)
{
  return (u8)(i * 31 + i / PAGE_SIZE + 1);
}

static void
map_file(va_t at, u32 flags)
{
  object_get(object);
  i64 r = vm_map(space, at, PAGES * PAGE_SIZE, RW, flags | MAP_FIXED | MAP_MAYWRITE, object, 0,
                 NULL);
  assert_int_equal(r, at);
}

static void
start(u64 size)
{
  file = store_create(size, PAGES);
  object = &file->object;
  for(u64 i = 0; i < size; i++)
    file->bytes[i] = (char)pattern(i);
  for(u64 i = 0; i < page_up(size) >> PAGE_SHIFT; i++)
    file->reserved[i] = true;
  space = space_create();
  run_space(space);
  buffer = 16 * MiB;
  assert_int_equal(vm_map(space, buffer, 2 * PAGES * PAGE_SIZE, RW,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL), buffer);
  shared = 32 * MiB;
  private = 48 * MiB;
  map_file(shared, MAP_SHARED);
  map_file(private, MAP_PRIVATE);
}

static void
end(void)
{
  expect_no_lies();
  run_space(NULL);
  space_put(space);
  store_put(file);
  assert_int_equal(stores_alive, 0);
}

// read(2) and write(2), with the retries of a system call.
typedef int attempt(struct object *o, u64 off, va_t buf, u64 n, u64 *done);

static i64
transfer(attempt *once, bool to_user, u64 off, va_t buf, u64 n)
{
  u64 total = 0;
  int err;
  do {
    u64 done;
    err = once(object, off + total, buf + total, n - total, &done);
    total += done;
  } while(err == -EAGAIN && object_fault_in(buf + total, n - total, to_user) == 0);
  return total ? (i64)total : err;
}

static i64
do_read(u64 off, va_t to, u64 n)
{
  return transfer(object_read, true, off, to, n);
}

static i64
do_write(u64 off, va_t from, u64 n)
{
  return transfer(object_write, false, off, from, n);
}

static void
fill_buffer(u64 n, u8 with)
{
  static u8 bytes[2 * PAGES * PAGE_SIZE];
  memset(bytes, with, n);
  assert_int_equal(copy_to_user(buffer, bytes, n), 0);
}

static u8
byte_at(va_t va)
{
  u8 b = 0;
  assert_int_equal(copy_from_user(&b, va, 1), 0);
  return b;
}

static void
set_byte(va_t va, u8 b)
{
  assert_int_equal(copy_to_user(va, &b, 1), 0);
}

static enum fault
touch(va_t va, enum access how)
{
  void *kva;
  return user_touch(va, how, &kva);
}

// ---- Reading ----

static void
reading(void)
{
  static u8 bytes[PAGES * PAGE_SIZE];
  u64 size = 20 * PAGE_SIZE + 123;
  start(size);
  assert_int_equal(do_read(0, buffer, sizeof bytes), size);
  assert_int_equal(copy_from_user(bytes, buffer, size), 0);
  for(u64 i = 0; i < size; i++)
    assert_int_equal(bytes[i], pattern(i));
  assert_int_equal(file->reads, 21);             // each page once
  assert_int_equal(do_read(size, buffer, 1), 0);
  assert_int_equal(do_read(size + GiB, buffer, 1), 0);
  assert_int_equal(do_read(size - 1, buffer, 100), 1);
  assert_int_equal(object_read_kernel(object, 5 * PAGE_SIZE - 3, bytes, 6), 6);
  for(u64 i = 0; i < 6; i++)
    assert_int_equal(bytes[i], pattern(5 * PAGE_SIZE - 3 + i));
  // Past the end of the file, but in its last page: zeroes.
  assert_int_equal(byte_at(shared + size - 1), pattern(size - 1));
  assert_int_equal(byte_at(shared + size), 0);
  assert_int_equal(touch(shared + 21 * PAGE_SIZE, ACCESS_READ), FAULT_ADRERR);
  end();
}

static void
read_ahead(void)
{
  start(PAGES * PAGE_SIZE);
  struct frame *f;
  u64 calls = 0;
  for(u64 i = 0; i < PAGES; i++){
    calls += radix_get(&object->pages, i) == 0;
    assert_int_equal(object_page(object, i, &f), 0);
    frame_put(f, PIN_1);
  }
  assert_true(calls < 6);                        // in order: ever larger pieces
  end();
}

// ---- Writing ----

static void
writing(void)
{
  start(3 * PAGE_SIZE);
  fill_buffer(3 * PAGE_SIZE, 0xee);
  assert_int_equal(do_write(PAGE_SIZE + 10, buffer, PAGE_SIZE), PAGE_SIZE);
  assert_int_equal(byte_at(shared + PAGE_SIZE + 9), pattern(PAGE_SIZE + 9));
  assert_int_equal(byte_at(shared + PAGE_SIZE + 10), 0xee);
  assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 9), 0xee);
  assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 10), pattern(2 * PAGE_SIZE + 10));
  assert_int_equal(byte_at(private + PAGE_SIZE + 10), 0xee);
  assert_int_equal((u8)file->bytes[PAGE_SIZE + 10], pattern(PAGE_SIZE + 10));
  assert_int_equal(object->pages.marked, 2);
  assert_int_equal(object_sync(object, 0, ~0UL), 0);
  assert_int_equal(object->pages.marked, 0);
  assert_int_equal((u8)file->bytes[PAGE_SIZE + 10], 0xee);
  assert_int_equal(file->writes, 2);
  assert_int_equal(object_sync(object, 0, ~0UL), 0);
  assert_int_equal(file->writes, 2);
  end();
}

// A page that is overwritten as a whole is not read first.
static void
whole_pages_are_not_read(void)
{
  start(8 * PAGE_SIZE);
  fill_buffer(4 * PAGE_SIZE, 0x11);
  touch(buffer, ACCESS_READ);
  assert_int_equal(do_write(2 * PAGE_SIZE, buffer, 2 * PAGE_SIZE), 2 * PAGE_SIZE);
  assert_int_equal(file->reads, 0);
  assert_int_equal(do_write(20 * PAGE_SIZE, buffer, 100), 100);
  assert_int_equal(file->reads, 0);
  assert_int_equal(object->size, 20 * PAGE_SIZE + 100);
  assert_int_equal(byte_at(shared + 20 * PAGE_SIZE + 99), 0x11);
  assert_int_equal(byte_at(shared + 20 * PAGE_SIZE + 100), 0);
  assert_int_equal(byte_at(shared + 10 * PAGE_SIZE), 0);      // a hole
  end();
}

// The copy ends in the middle of a page that was not in memory: the rest of the
// page keeps the file's bytes.
static void
a_short_copy_loses_nothing(void)
{
  start(8 * PAGE_SIZE);
  va_t hole = buffer + PAGE_SIZE;
  fill_buffer(PAGE_SIZE, 0x22);
  assert_int_equal(vm_unmap(space, hole, PAGE_SIZE), 0);
  assert_int_equal(do_write(2 * PAGE_SIZE, hole - 100, PAGE_SIZE), 100);
  assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 99), 0x22);
  assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 100), pattern(2 * PAGE_SIZE + 100));
  assert_int_equal(byte_at(shared + 3 * PAGE_SIZE - 1), pattern(3 * PAGE_SIZE - 1));
  assert_int_equal(do_write(4 * PAGE_SIZE, hole, PAGE_SIZE), -EAGAIN);
  assert_int_equal(object_fault_in(hole, PAGE_SIZE, false), -EFAULT);
  assert_int_equal(byte_at(shared + 4 * PAGE_SIZE), pattern(4 * PAGE_SIZE));
  end();
}

// One transfer within a page of the file, half of it where user memory is not there
// yet: it goes on after a fault, whatever page of the file it is.
static void
a_transfer_goes_on_after_a_fault(void)
{
  start(3 * PAGE_SIZE + 300);
  va_t half = buffer + PAGE_SIZE - 100;
  fill_buffer(PAGE_SIZE, 0x22);
  const u64 to[] = { PAGE_SIZE + 7, 3 * PAGE_SIZE + 200, 5 * PAGE_SIZE + 9, 6 * PAGE_SIZE };
  for(u64 i = 0; i < sizeof to / sizeof to[0]; i++){
    u64 n = i == 3 ? PAGE_SIZE : 200;
    assert_int_equal(do_write(to[i], half, n), n);
    assert_int_equal(byte_at(shared + to[i] + 99), 0x22);
    assert_int_equal(byte_at(shared + to[i] + 100), 0);
    assert_int_equal(object->size, max(to[i] + n, 3 * PAGE_SIZE + 300));
    assert_int_equal(vm_discard(space, buffer + PAGE_SIZE, PAGE_SIZE, NULL), 0);
  }
  assert_int_equal(do_read(PAGE_SIZE, half, 200), 200);
  assert_int_equal(byte_at(half + 6), pattern(PAGE_SIZE + 6));
  assert_int_equal(byte_at(half + 199), 0);
  end();
}

// write(fd, buf) where buf maps the very page that is written.
static void
a_buffer_that_maps_the_file(void)
{
  start(8 * PAGE_SIZE);
  assert_int_equal(do_write(PAGE_SIZE, shared + PAGE_SIZE, 3 * PAGE_SIZE), 3 * PAGE_SIZE);
  assert_int_equal(do_write(0, shared + 4 * PAGE_SIZE + 50, 2 * PAGE_SIZE), 2 * PAGE_SIZE);
  assert_int_equal(do_read(0, shared + 6 * PAGE_SIZE, 2 * PAGE_SIZE), 2 * PAGE_SIZE);
  for(u64 i = 0; i < 2 * PAGE_SIZE; i += 97){
    assert_int_equal(byte_at(shared + i), pattern(4 * PAGE_SIZE + 50 + i));
    assert_int_equal(byte_at(private + 6 * PAGE_SIZE + i), pattern(4 * PAGE_SIZE + 50 + i));
    assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + i), pattern(2 * PAGE_SIZE + i));
  }
  end();
}

// ---- The end of the file ----

// Whatever a mapping put behind the end, an extension shows zeroes.
static void
extension_shows_zeroes(void)
{
  for(u32 how = 0; how < 4; how++){
    start(2 * PAGE_SIZE + 100);
    set_byte(shared + 2 * PAGE_SIZE + 100, 0x77);
    set_byte(shared + 2 * PAGE_SIZE + 2000, 0x77);
    fill_buffer(1, 0x33);
    u64 to = how % 2 ? 2 * PAGE_SIZE + 1000 : 6 * PAGE_SIZE;
    if(how < 2)
      assert_int_equal(do_write(to, buffer, 1), 1);
    else
      assert_int_equal(object_extend(object, to + 1), 0);
    assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 100), 0);
    assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 99), pattern(2 * PAGE_SIZE + 99));
    assert_int_equal(object_sync(object, 0, ~0UL), 0);
    objects_shrink(PAGES);
    assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 100), 0);
    assert_int_equal(byte_at(shared + to), how < 2 ? 0x33 : 0);
    if(to > 3 * PAGE_SIZE)
      assert_int_equal(byte_at(shared + 2 * PAGE_SIZE + 2000), 0);
    end();
  }
}

static void
shrinking(void)
{
  start(10 * PAGE_SIZE);
  for(u32 i = 0; i < 10; i++){
    set_byte(shared + i * PAGE_SIZE, 1);
    set_byte(private + i * PAGE_SIZE, 2);
  }
  set_byte(private + 4 * PAGE_SIZE + 60, 3);
  store_truncate(file, 4 * PAGE_SIZE + 50);
  assert_int_equal(object->pages.count, 5);
  assert_int_equal(touch(shared + 5 * PAGE_SIZE, ACCESS_READ), FAULT_ADRERR);
  assert_int_equal(touch(private + 5 * PAGE_SIZE, ACCESS_WRITE), FAULT_ADRERR);
  assert_int_equal(byte_at(shared + 4 * PAGE_SIZE), 1);
  assert_int_equal(byte_at(shared + 4 * PAGE_SIZE + 50), 0);
  assert_int_equal(byte_at(private + 4 * PAGE_SIZE), 2);     // a copy of its own, before the end
  assert_int_equal(object_extend(object, 10 * PAGE_SIZE), 0);
  for(u32 i = 5; i < 10; i++){
    assert_int_equal(byte_at(shared + i * PAGE_SIZE), 0);
    assert_int_equal(byte_at(private + i * PAGE_SIZE), 0);
  }
  assert_int_equal(byte_at(shared + 4 * PAGE_SIZE + 60), 0);
  end();
}

// ---- Write-back of mapped pages ----

static void
store_while_writing(void)
{
  run_space(space);
  set_byte(shared + 10, 0x55);
}

// A store during the write makes the page dirty again: the next write has it.
static void
written_again_while_writing(void)
{
  start(4 * PAGE_SIZE);
  set_byte(shared + 10, 0x44);
  file->while_writing = store_while_writing;
  assert_int_equal(object_sync(object, 0, PAGE_SIZE), 0);
  file->while_writing = NULL;
  file->bytes[10] = 0;                            // whichever of the two it was
  assert_true(object_maybe_dirty(object));
  assert_int_equal(object_sync(object, 0, PAGE_SIZE), 0);
  assert_int_equal((u8)file->bytes[10], 0x55);
  assert_int_equal(object->pages.marked, 0);
  end();
}

// Stores through a mapping are seen by every kind of write-back, time and again.
static void
mapped_stores_reach_the_store(void)
{
  start(4 * PAGE_SIZE);
  for(u32 n = 1; n < 50; n++){
    u64 off = below(4 * PAGE_SIZE);
    set_byte(shared + off, (u8)n);
    assert_int_equal(byte_at(private + off), n);
    switch(n % 4){
    case 0: assert_int_equal(object_sync(object, off, off + 1), 0); break;
    case 1: assert_true(objects_write_back(PAGES) > 0); break;
    case 2: vm_unmap(space, shared, PAGES * PAGE_SIZE); map_file(shared, MAP_SHARED); break;
    default: vm_protect(space, shared, PAGES * PAGE_SIZE, PROT_READ);
             vm_protect(space, shared, PAGES * PAGE_SIZE, RW);
    }
    assert_int_equal(object_sync(object, off, off + 1), 0);
    assert_int_equal((u8)file->bytes[off], n);
    if(n % 5 == 0)
      objects_shrink(PAGES);
  }
  end();
}

// What is old is written, and no more; what cannot be written is tried again.
static void
old_pages_are_written(void)
{
  start(4 * PAGE_SIZE);
  set_byte(shared, 1);
  assert_int_equal(object_sync(object, 0, ~0UL), 0);
  u64 before = machine_time_ns();
  objects_write_old(before);
  set_byte(shared, 2);                   // the page tables alone know
  assert_int_equal(pages_dirty, 0);
  objects_write_old(before);
  assert_int_equal(pages_dirty, 1);
  assert_int_equal(file->bytes[0], 1);
  file->fail_write = 1;
  objects_write_old(machine_time_ns());
  assert_int_equal(pages_dirty, 1);
  assert_int_equal(object->errors & ERROR_NUMBER, EIO);
  objects_write_old(machine_time_ns());
  assert_int_equal(pages_dirty, 0);
  assert_int_equal(file->bytes[0], 2);
  end();
}

static void
shrinking_the_cache(void)
{
  start(PAGES * PAGE_SIZE);
  struct frame *pinned;
  for(u32 i = 0; i < PAGES; i++)
    byte_at((i % 2 ? shared : private) + i * PAGE_SIZE);
  set_byte(shared + 3 * PAGE_SIZE, 9);
  assert_int_equal(object_page(object, 7, &pinned), 0);
  assert_int_equal(objects_shrink(5), 5);
  assert_int_equal(objects_shrink(1000), PAGES - 5 - 2);
  assert_int_equal(object->pages.count, 2);       // the dirty one and the pinned one
  assert_int_equal(byte_at(shared + 3 * PAGE_SIZE), 9);
  frame_put(pinned, PIN_1);
  for(u32 i = 0; i < PAGES; i++)
    if(i != 3)
      assert_int_equal(byte_at(shared + i * PAGE_SIZE + 1), pattern(i * PAGE_SIZE + 1));
  end();
}

// ---- A store that fails ----

static void
reads_fail(void)
{
  start(20 * PAGE_SIZE);
  file->error = -EIO;
  file->fail_read = 1;                            // the whole piece: the page alone is tried
  assert_int_equal(byte_at(shared), pattern(0));
  file->fail_read = 1;
  assert_int_equal(do_read(19 * PAGE_SIZE, buffer, 1), -EIO);   // alone already
  assert_int_equal(do_read(19 * PAGE_SIZE, buffer, 1), 1);
  store_truncate(file, 10 * PAGE_SIZE);
  assert_int_equal(object_extend(object, 20 * PAGE_SIZE), 0);
  for(u32 k = 1; k <= 2; k++){
    objects_shrink(PAGES);
    file->fail_read = 1;
    assert_int_equal(touch(shared + 19 * PAGE_SIZE, ACCESS_READ), FAULT_IO);
    assert_int_equal(touch(shared + 19 * PAGE_SIZE, ACCESS_WRITE), FAULT_OK);
    assert_int_equal(object_sync(object, 0, ~0UL), 0);
  }
  end();
}

static void
writes_fail(void)
{
  start(4 * PAGE_SIZE);
  set_byte(shared, 0x66);
  file->fail_write = 1;
  assert_int_equal(object_sync(object, 0, ~0UL), -EIO);
  assert_int_equal(object->pages.marked, 1);      // still dirty
  objects_shrink(PAGES);
  assert_int_equal(object->pages.count, 1);
  assert_int_equal(byte_at(shared), 0x66);
  set_byte(shared + 1, 0x67);
  assert_int_equal(object_sync(object, 0, ~0UL), 0);
  assert_int_equal((u8)file->bytes[0], 0x66);
  assert_int_equal((u8)file->bytes[1], 0x67);
  end();
}

static void
no_space_in_the_store(void)
{
  start(4 * PAGE_SIZE);
  fill_buffer(PAGE_SIZE, 1);
  memset(file->reserved, 0, 4 * sizeof *file->reserved);        // all of it is a hole
  file->error = -ENOSPC;
  file->fail_reserve = 1;
  assert_int_equal(touch(shared + PAGE_SIZE, ACCESS_WRITE), FAULT_ADRERR);
  assert_int_equal(byte_at(shared + PAGE_SIZE), pattern(PAGE_SIZE));
  file->fail_reserve = 1;
  assert_int_equal(do_write(0, buffer, 10), -ENOSPC);
  assert_int_equal(byte_at(shared), pattern(0));
  fill_buffer(2 * PAGE_SIZE, 1);
  file->fail_reserve = 2;
  assert_int_equal(do_write(8 * PAGE_SIZE, buffer, 2 * PAGE_SIZE), PAGE_SIZE);
  assert_int_equal(object->size, 9 * PAGE_SIZE);
  assert_int_equal(object->pages.marked, 1);
  file->fail_reserve = 1;
  assert_int_equal(object_extend(object, 30 * PAGE_SIZE), 0);   // the old end is a page's end
  assert_int_equal(do_write(0, buffer, 1), -ENOSPC);
  end();
}

// ---- Going out in one batch ----

static struct frame *says_where[2];

static void
is_not_busy(void)
{
  for(u32 k = 0; k < 2; k++)
    assert_false(atomic_load(&says_where[k]->word) & FRAME_BUSY);
}

// A file's pages are written where pages of another object say: whoever writes may look
// these up, and must not find them taken by himself.
static void
pages_that_say_where_go_first(void)
{
  struct object_ops plain;
  struct store *other[2];
  struct frame *v[3];
  other[0] = store_create(PAGE_SIZE, 1);     // on either side of the file's owner
  start(PAGE_SIZE);
  other[1] = store_create(PAGE_SIZE, 1);
  plain = *object->ops;
  plain.page_mkwrite = NULL;
  for(u32 k = 0; k < 2; k++){
    other[k]->object.ops = &plain;
    assert_int_equal(object_page(&other[k]->object, 0, &v[k]), 0);
    says_where[k] = v[k];
    frame_put(v[k], PIN_1);
  }
  assert_int_equal(do_write(0, buffer, 1), 1);
  v[2] = object_find(object, 0);
  frame_put(v[2], PIN_1);
  for(u32 k = 0; k < 3; k++)
    assert_true(evict_take(v[k]));
  file->while_writing = is_not_busy;
  evict(v, 3);
  assert_int_equal(file->writes, 1);
  store_put(other[0]);
  store_put(other[1]);
  end();
}

// ---- Shared anonymous memory ----

static void
shared_anonymous(void)
{
  struct space *child;
  start(PAGE_SIZE);
  va_t a = 64 * MiB;
  assert_int_equal(vm_map(space, a, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL,
                          0, NULL), a);
  set_byte(a, 1);
  assert_int_equal(space_fork(space, &child), 0);
  set_byte(a + PAGE_SIZE, 2);
  run_space(child);
  assert_int_equal(byte_at(a), 1);
  assert_int_equal(byte_at(a + PAGE_SIZE), 2);
  set_byte(a, 3);
  run_space(space);
  assert_int_equal(byte_at(a), 3);
  assert_int_equal(object_shared_pages(), 2);
  objects_shrink(1000);
  objects_write_back(1000);
  assert_int_equal(object_shared_pages(), 2);     // it has no store to go to
  assert_int_equal(vm_unmap(space, a, 4 * PAGE_SIZE), 0);
  run_space(child);
  assert_int_equal(byte_at(a), 3);
  run_space(space);
  space_put(child);
  assert_int_equal(object_shared_pages(), 0);
  end();
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    TEST(reading), TEST(read_ahead), TEST(writing), TEST(whole_pages_are_not_read),
    TEST(a_short_copy_loses_nothing), TEST(a_transfer_goes_on_after_a_fault),
    TEST(a_buffer_that_maps_the_file),
    TEST(extension_shows_zeroes), TEST(shrinking), TEST(written_again_while_writing),
    TEST(mapped_stores_reach_the_store), TEST(old_pages_are_written),
    TEST(shrinking_the_cache), TEST(reads_fail),
    TEST(writes_fail), TEST(no_space_in_the_store), TEST(pages_that_say_where_go_first),
    TEST(shared_anonymous),
  };
  return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
