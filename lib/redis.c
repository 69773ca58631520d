#include "lib/redis.h"
