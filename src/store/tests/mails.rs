use super::{
    super::{AddedMail, DeliveryStatus, Ledger, NewMail},
    claim, on_both, result,
};

on_both! {
    async fn a_single_mail_is_kept_once_for_a_key(db) {
        let store = db.open().await;
        let new = NewMail {
            address: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: None,
            idempotency_key: Some("key".to_owned()),
            body_hash: "hash".to_owned(),
        };
        let AddedMail::New(id) = store.add_mail(&new).await.unwrap() else { panic!("the key is new") };
        assert_eq!(store.add_mail(&new).await.unwrap(), AddedMail::Replayed(id));
        let other = NewMail { body_hash: "other".to_owned(), ..new.clone() };
        assert_eq!(store.add_mail(&other).await.unwrap(), AddedMail::KeyReused);
        let free = NewMail { idempotency_key: None, html: Some("<p>".to_owned()), ..new };
        let AddedMail::New(second) = store.add_mail(&free).await.unwrap() else { panic!("no key") };
        let mail = store.mail(second).await.unwrap().unwrap();
        assert_eq!((mail.address.as_str(), mail.html.as_deref()), ("ada@example.com", Some("<p>")));
        assert_eq!(store.mail(second + 1).await.unwrap(), None);
    }

    async fn old_single_mails_are_pruned_when_their_outcome_is_known(db) {
        let store = db.open().await;
        let new = NewMail {
            address: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: None,
            idempotency_key: None,
            body_hash: "hash".to_owned(),
        };
        let mut ids = Vec::new();
        for _ in 0..3 {
            let AddedMail::New(id) = store.add_mail(&new).await.unwrap() else { panic!("no key") };
            ids.push(id);
        }
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        ledger.claim(vec![claim(0, ids[0]), claim(0, ids[1])]).await.unwrap();
        ledger.record(vec![result(0, ids[0], DeliveryStatus::Accepted)]).await.unwrap();
        ledger.shutdown().await;
        assert_eq!(store.prune_mails(1, 10).await.unwrap(), 0);
        assert_eq!(store.prune_mails(i64::MAX, 10).await.unwrap(), 1);
        assert_eq!(store.mail(ids[0]).await.unwrap(), None);
        assert!(store.mail(ids[1]).await.unwrap().is_some(), "it is being sent");
        assert!(store.mail(ids[2]).await.unwrap().is_some(), "it was not begun");
        assert_eq!(store.prune_mails(i64::MAX, 10).await.unwrap(), 0);
    }
}
