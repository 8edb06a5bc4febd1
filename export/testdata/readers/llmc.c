// Reads an export with llm.c's own loader, and writes the tokens of every batch,
// int32, to standard output.
#include "llmc/dataloader.h"

int main(int argc, char **argv) {
  DataLoader loader;
  size_t T = strtoul(argv[2], NULL, 10);
  dataloader_init(&loader, argv[1], 1, T, 0, 1, 0);
  size_t left = loader.num_tokens;
  int shards = (int)loader.glob_result.gl_pathc;
  for (int s = 0; s < shards; s++) {
    size_t n = loader.shard_num_samples;
    for (size_t i = 0; i < n; i++) {
      dataloader_next_batch(&loader);
      fwrite(loader.inputs, sizeof(int), T, stdout);
      for (size_t k = 0; k + 1 < T; k++) assert(loader.targets[k] == loader.inputs[k + 1]);
    }
    if (s + 1 < shards) dataloader_advance_(&loader);
  }
  fprintf(stderr, "%zu tokens in %d files\n", left, shards);
  return 0;
}
