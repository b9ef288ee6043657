/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nic/nic.h"

void nic_stats(struct nic *nic, struct nic_stats *ret)
{
	if (nic->ops->stats)
		nic->ops->stats(nic);
	*ret = nic->counters;
}

void nic_trim(struct nic *nic)
{
	if (nic->ops->trim)
		nic->ops->trim(nic);
}

void nic_close(struct nic *nic)
{
	if (nic)
		nic->ops->close(nic);
}
