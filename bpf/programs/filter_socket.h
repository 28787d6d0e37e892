/* Tests of the socket that a call is about: its family, protocol, and both ends. */
#ifndef EYRIE_FILTER_SOCKET_H
#define EYRIE_FILTER_SOCKET_H

#include "filter.h"
#include "socket.h"

enum {
	PROTOCOLS = 256,
	/* There is no socket, and so none of its protocols. */
	NO_PROTOCOL = 0xffffffff,

	/* The ends of a socket by their places in `weighing`: those that it has, and one that the call has. */
	PLACE_LOCAL = 0,
	PLACE_REMOTE = 1,
	PLACE_ASKED = 2,

	/* Of an IPv4 address in IPv6, what lies in front of it: ::ffff:0:0. As little-endian machines have it. */
	MAPPED_PREFIX = 0xffff0000,
};

/* An AF_* as a bit; of those that have none, all. */
static __always_inline u64 family_bit(u32 family)
{
	return family < 64 ? 1ULL << family : ~0ULL;
}

/* Notes an end. `low` and `high` are the address's halves. */
static __always_inline void note_end(struct weighing *weighing, u32 place, u32 family, u64 low, u64 high, u16 port,
				     u32 ends)
{
	struct tested_end *end = &weighing->ends[place];

	end->ends = 0;
	if (family == AF_INET) {
		low = (u32)low;
		high = 0;
		end->version = 4;
	} else if (family != AF_INET6) {
		return;
	} else if (low == 0 && (u32)high == MAPPED_PREFIX) {
		low = high >> 32;
		high = 0;
		end->version = 4;
		weighing->families |= family_bit(AF_INET);
	} else {
		end->version = 6;
	}
	end->address[0] = low;
	end->address[1] = high;
	end->port = port;
	end->ends = ends;
}

/* The same of an end that the kernel has, which is all zeros where there is none. */
static __always_inline void note_own_end(struct weighing *weighing, u32 place, u32 family, u64 low, u64 high, u16 port,
					 u32 ends)
{
	if (port || low || high)
		note_end(weighing, place, family, low, high, port, ends);
	else
		weighing->ends[place].ends = 0;
}

static __always_inline void note_endpoint(struct weighing *weighing, u32 place, u32 family,
					  const struct endpoint *endpoint, u32 ends)
{
	const u64 *halves = (const u64 *)endpoint->address;

	note_own_end(weighing, place, family, halves[0], halves[1], endpoint->port, ends);
}

static __always_inline void note_no_socket(struct weighing *weighing)
{
	weighing->families = 0;
	weighing->protocol = NO_PROTOCOL;
	weighing->ends[PLACE_LOCAL].ends = 0;
	weighing->ends[PLACE_REMOTE].ends = 0;
	weighing->ends[PLACE_ASKED].ends = 0;
}

static __always_inline bool is_internet(u32 family)
{
	return family == AF_INET || family == AF_INET6;
}

/* Notes the family, and no protocol. Whether it has addresses. */
static __always_inline bool note_family(struct weighing *weighing, u32 family)
{
	note_no_socket(weighing);
	weighing->family = family;
	weighing->families = family_bit(family);
	return is_internet(family);
}

/* Notes a socket of which there is an address alone. */
static __always_inline void note_socket(struct composer *composer, struct sock *sock)
{
	struct weighing *weighing = &composer->weighing;
	struct endpoint local = {}, remote = {};
	struct filter *filter = filter_of(composer);
	struct beginning start;
	bool has_ends;
	u32 family;

	read_beginning(&start, sock);
	family = field_in(&start, sock->__sk_common.skc_family);
	has_ends = note_family(weighing, family);
	if (!filter || filter->needs & NEED_PROTOCOL)
		weighing->protocol = read_kernel(sock->sk_protocol);
	if (!has_ends)
		return;
	put_internet(&local, &remote, family, sock, &start);
	note_endpoint(weighing, PLACE_LOCAL, family, &local, END_LOCAL);
	note_endpoint(weighing, PLACE_REMOTE, family, &remote, END_REMOTE);
	weighing->remote = remote;
}

/* The same of a socket whose type the verifier knows. */
static __always_inline void note_known_socket(struct weighing *weighing, struct sock *sock)
{
	u32 family = load(sock->__sk_common.skc_family);
	u16 local_port = load(sock->__sk_common.skc_num), remote_port = load(sock->__sk_common.skc_dport);
	bool has_ends = note_family(weighing, family);

	weighing->protocol = load(sock->sk_protocol);
	if (!has_ends)
		return;
	remote_port = __builtin_bswap16(remote_port);
	if (family == AF_INET) {
		note_own_end(weighing, PLACE_LOCAL, family, load(sock->__sk_common.skc_rcv_saddr), 0, local_port, END_LOCAL);
		note_own_end(weighing, PLACE_REMOTE, family, load(sock->__sk_common.skc_daddr), 0, remote_port, END_REMOTE);
	} else if (field_exists(sock->__sk_common.skc_v6_daddr)) {
		struct in6_addr local = load(sock->__sk_common.skc_v6_rcv_saddr);
		struct in6_addr remote = load(sock->__sk_common.skc_v6_daddr);
		u64 halves[4];

		__builtin_memcpy(halves, &local, sizeof(local));
		__builtin_memcpy(halves + 2, &remote, sizeof(remote));
		note_own_end(weighing, PLACE_LOCAL, family, halves[0], halves[1], local_port, END_LOCAL);
		note_own_end(weighing, PLACE_REMOTE, family, halves[2], halves[3], remote_port, END_REMOTE);
	}
}

/* The start of struct sockaddr_in and sockaddr_in6. */
struct internet_address {
	u16 family;
	u16 port;
	u8 ipv4[4]; /* flow information of IPv6 */
	u64 ipv6[2];
};

/* Notes the address that a call was given or gave. */
static __always_inline void note_address(struct weighing *weighing, const struct internet_address *asked, u32 length, u32 ends)
{
	u16 port = __builtin_bswap16(asked->port);

	if (asked->family == AF_INET && length >= 8) {
		weighing->families |= family_bit(AF_INET);
		note_end(weighing, PLACE_ASKED, AF_INET, *(u32 *)asked->ipv4, 0, port, ends);
	} else if (asked->family == AF_INET6 && length >= sizeof(*asked)) {
		weighing->families |= family_bit(AF_INET6);
		note_end(weighing, PLACE_ASKED, AF_INET6, asked->ipv6[0], asked->ipv6[1], port, ends);
	}
}

/* The same of one that lies in the record. */
static __always_inline void note_asked(struct composer *composer, const struct span *span, u32 ends)
{
	struct internet_address asked = {};
	u32 at = span->offset;

	forget(at);
	if (span->length < 8 || at > RECORD_BYTES_MAX - sizeof(asked))
		return;
	bpf_probe_read_kernel(&asked, sizeof(asked), composer->bytes + at);
	/* Without a family it is one of IPv4, where the socket is of that: so the kernel has it, and the agent. */
	if (!asked.family && composer->weighing.families & family_bit(AF_INET))
		asked.family = AF_INET;
	note_address(&composer->weighing, &asked, span->length, ends);
}

/* Whether the end is in the network, or may be. */
static __always_inline bool is_inside(struct network_test *test, struct tested_end *end)
{
	if (test->version) {
		if (test->version != end->version)
			return false;
		if ((end->address[0] ^ test->address[0]) & test->mask[0])
			return false;
		if ((end->address[1] ^ test->address[1]) & test->mask[1])
			return false;
	}
	return !end->port || (end->port >= test->first_port && end->port <= test->last_port);
}

/* The same of being outside. A port that is not known may be another one, unless all will do. */
static __always_inline bool is_outside(struct network_test *test, struct tested_end *end)
{
	if (!is_inside(test, end))
		return true;
	return !end->port && (test->first_port || test->last_port != 0xffff);
}

static __always_inline bool holds_network(struct weighing *weighing, struct network_test *test)
{
	bool is_any = false, holds = false;

	for (u32 place = 0; place < ENDS_MAX; place++) {
		struct tested_end *end = &weighing->ends[place];

		if (!(end->ends & test->ends))
			continue;
		is_any = true;
		if (test->is_outside ? is_outside(test, end) : is_inside(test, end))
			holds = true;
	}
	return holds || (test->is_outside && !is_any);
}

static __always_inline bool holds_protocol(struct weighing *weighing, struct clause *clause)
{
	u32 protocol = weighing->protocol;

	if (!clause->has_protocols)
		return true;
	forget(protocol);
	if (protocol >= PROTOCOLS)
		return protocol != NO_PROTOCOL;
	return clause->protocols[protocol >> 6] >> (protocol & 63) & 1;
}

/* Whether a clause's tests of the socket hold. By itself, so that the verifier looks at it once. */
__noinline u32 holds_socket(u32 slot, u32 index)
{
	struct composer *composer = composer_of(slot);
	bool is_inside_any = false;
	struct weighing *weighing;
	struct filter *filter;
	struct clause *clause;

	if (!composer || index >= CLAUSES_MAX)
		return true;
	weighing = &composer->weighing;
	filter = filter_of(composer);
	if (!filter)
		return true;
	clause = &filter->clauses[index];
	if (clause->families && !(clause->families & weighing->families))
		return false;
	if (!holds_protocol(weighing, clause))
		return false;
	for (u32 test = 0; test < NETWORK_TESTS_MAX; test++) {
		struct network_test *network = &clause->networks[test];
		bool holds;

		if (test >= clause->network_count)
			break;
		holds = holds_network(weighing, network);
		if (network->is_outside && !holds)
			return false;
		if (!network->is_outside && holds)
			is_inside_any = true;
	}
	return is_inside_any || !clause->has_inside;
}

/* The tests of the socket that was noted. */
__noinline u32 weigh_socket(u32 slot)
{
	struct composer *composer = composer_of(slot);
	struct weighing *weighing;
	struct filter *filter;
	u32 asked;

	if (!composer)
		return VERDICT_NEEDED;
	weighing = &composer->weighing;
	filter = filter_of(composer);
	if (!filter)
		return VERDICT_NEEDED;
	asked = weighing->candidates & filter->with_sockets;
	weighing->is_socket_tested = true;
	for (u32 index = 0; index < CLAUSES_MAX; index++) {
		if (!(asked >> index))
			break;
		if (asked >> index & 1 && !holds_socket(slot, index))
			weighing->candidates &= ~(1U << index);
	}
	return verdict_of(weighing, filter->with_paths);
}

#endif
