use super::{
    super::{AddedMail, NewMail},
    on_both,
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
}
