#include "lib/event.h"
